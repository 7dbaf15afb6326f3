// The built SDK through `require`, in a Node of its own: in this process Vitest would load it in its own way.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const here = fileURLToPath(new URL('../..', import.meta.url));
const run = (...given: string[]) =>
  JSON.parse(execFileSync(process.execPath, given, { cwd: here, encoding: 'utf8' }));

it.each([
  ['@prompt-telemetry/sdk', ['createTelemetryBatcher', 'submitTelemetryEvent', 'TelemetryError']],
  ['@prompt-telemetry/sdk/react', ['usePromptTelemetry', 'getTelemetryClient']],
  ['@prompt-telemetry/sdk/panel', ['PromptPerformancePanel', 'usePromptPerformance']],
])('require and import of %s give the same names', (entry, expected) => {
  // Without Node's own require of modules, which Jest and older runtimes do not have.
  const flags = process.allowedNodeEnvironmentFlags.has('--experimental-require-module')
    ? ['--no-experimental-require-module']
    : [];
  const print = 'console.log(JSON.stringify(Object.keys(sdk).sort()))';
  const required = run(...flags, '-e', `const sdk = require('${entry}'); ${print}`);
  const imported = run('--input-type=module', '-e', `import * as sdk from '${entry}'; ${print}`);
  expect(required).toEqual(imported);
  expect(required).toEqual(expect.arrayContaining(expected));
});

it('a CommonJS program delivers an event', () => {
  const program = `
    const { createTelemetryBatcher } = require('@prompt-telemetry/sdk');
    const bodies = [];
    const fetch = async (_, { body }) => {
      bodies.push(JSON.parse(body));
      return Response.json({ count: 1, status: 'accepted', rejected: [] }, { status: 202 });
    };
    const batcher = createTelemetryBatcher({ fetch });
    batcher.add({ eventType: 'selection', promptId: 'why-trees', sessionId: 's' });
    batcher.close().then(() => console.log(JSON.stringify(bodies)));`;
  expect(run('-e', program)).toMatchObject([{ events: [{ promptId: 'why-trees' }] }]);
});
