import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
// @ts-expect-error a build script without types
import { generateSchema } from '../../scripts/generate.mjs';

it('keeps the types that follow from ingest’s description (after a change: npm run generate)', async () => {
  const committed = await readFile(new URL('../../src/core/schema.ts', import.meta.url), 'utf8');
  expect(committed).toBe(await generateSchema());
});
