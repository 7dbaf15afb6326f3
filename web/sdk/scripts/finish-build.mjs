// What tsc leaves to do in dist: marks dist/cjs as CommonJS, where the package's own `"type": "module"` would hold
// otherwise, and bundles the file for script tags.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = new URL('../dist/', import.meta.url);

await writeFile(new URL('cjs/package.json', dist), '{ "type": "commonjs" }\n');
await build({
  entryPoints: [fileURLToPath(new URL('script/index.js', dist))],
  outfile: fileURLToPath(new URL('prompt-telemetry.js', dist)),
  bundle: true,
  minify: true,
  format: 'iife',
  globalName: 'PromptTelemetry',
  target: 'es2020',
});
