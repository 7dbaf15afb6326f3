// Marks dist/cjs as CommonJS: the package's own `"type": "module"` would hold there otherwise.
import { writeFile } from 'node:fs/promises';

await writeFile(new URL('../dist/cjs/package.json', import.meta.url), '{ "type": "commonjs" }\n');
