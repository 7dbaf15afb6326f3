// Fails when an entry outgrows its budget: each bundled alone as the package serves it, minified, gzip -9, CSS
// included, without React, and (for the others) without the core that a host has anyway. The script-tag bundle is
// measured as it is. Needs `npm run build` first.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

// The aims are 4 KiB for the core, 1.5 for the hook and 8 for the panel. What stands above them prevents lost events,
// events that count twice, or exceptions in the page. Bytes of gzip, each measured by removing the part:
// core: events of other tabs and earlier pages 233, once per session over reloads 139, the two read functions 96, JSON
// without `toJSON` 94, ids of direct calls 57, the steady clock 51, ingest's answers told from others' 29, browsers without
// keepalive 20, prerendering 18, no crypto 7. Hook: clients shared by copies of the package 46, fields that throw 6.
const BUDGETS_KIB = { '.': 4.65, './react': 1.65, './panel': 8.35, script: 5.95 };
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
