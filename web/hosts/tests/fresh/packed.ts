// The SDK as npm packs it, and applications that are installed from scratch with it.

import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = fileURLToPath(new URL('../..', import.meta.url));
const sdk = fileURLToPath(new URL('../../../sdk', import.meta.url));

/** A folder of its own for one run, with the packed SDK in it. */
export interface Workshop {
  folder: string;
  tarball: string;
  close(): Promise<void>;
}

/** Packs the built SDK. Fails with what npm said. */
export async function openWorkshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), 'prompt-telemetry-hosts-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: sdk });
  const tarball = join(folder, JSON.parse(stdout)[0].filename);
  return { folder, tarball, close: () => rm(folder, { recursive: true, force: true }) };
}

/** Copies an application out of the repository, installs what its lock file pins, and the packed SDK on top. */
export async function install({ folder, tarball }: Workshop, application: string): Promise<string> {
  const target = join(folder, application);
  await cp(join(here, 'applications', application), target, { recursive: true });
  await npm(target, 'ci', '--ignore-scripts', '--no-audit', '--no-fund');
  await npm(target, 'install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', tarball);
  return target;
}

/** Runs npm in a folder; the error holds all that it printed. */
export async function npm(cwd: string, ...given: string[]): Promise<string> {
  const env: NodeJS.ProcessEnv = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
  // Set by Vitest for this process; a build or a test of the application decides for itself.
  for (const name of ['NODE_ENV', 'VITEST', 'VITEST_MODE', 'TEST']) delete env[name];
  const { stdout, stderr } = await run('npm', given, { cwd, env, maxBuffer: 1 << 26 }).catch(error => {
    throw new Error(`npm ${given.join(' ')} in ${cwd}:\n${error.stdout}\n${error.stderr}`);
  });
  return stdout + stderr;
}
