// Fails when an entry outgrows its budget: each bundled alone as the package serves it, minified, gzip -9, CSS
// included, without React, and (for the others) without the core that a host has anyway. The script-tag bundle is
// measured as it is. Needs `npm run build` first.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

// The first budgets were 4 KiB for the core and 1.5 for the hook. What came on top, in bytes: clocks that are wrong or set
// 150, telling ingest's answers from others' 120, once per session over reloads 170, ids of direct calls 70, prerendering
// 45, no keepalive 45, hosts that lack or patch what is used 180. Each of these lost or doubled events or broke the page.
// The hook: each field that a host passes is read on its own 40, consent with one meaning 40. The panel's first budget was
// 8: marks on ids that look alike 150, a token for each server 110, an export that pages by id 70.
const BUDGETS_KIB = { '.': 4.7, './react': 1.6, './panel': 8.5, script: 6.25 };
const root = new URL('../', import.meta.url);
const core = fileURLToPath(new URL('dist/core/', root));

const withoutCore = {
  name: 'without-core',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/core\// }, ({ path, importer }) =>
      importer ? { path, external: true } : undefined,
    ),
};

async function gzippedSize(entry) {
  const file = fileURLToPath(new URL(entry, root));
  const { outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    outdir: 'unused',
    external: ['react', 'react-dom', 'react/jsx-runtime'],
    plugins: file.startsWith(core) ? [] : [withoutCore],
  });
  return outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}

const { exports, unpkg } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
const sizes = { script: gzipSync(await readFile(new URL(unpkg, root)), { level: 9 }).length };
for (const [name, target] of Object.entries(exports)) sizes[name] = await gzippedSize(target.import.default);
let over = 0;
for (const [name, bytes] of Object.entries(sizes)) {
  const budget = BUDGETS_KIB[name];
  if (!budget) throw new Error(`no size budget for the entry ${name}: add one to scripts/size.mjs`);
  const size = bytes / 1024;
  console.log(`${name.padEnd(8)} ${size.toFixed(2)} of ${budget} KiB`);
  if (size > budget) over++;
}
if (over) {
  console.error(`${over} of the entries are over budget`);
  process.exit(1);
}
