// Writes src/core/schema.ts from ingest's OpenAPI description: the types that openapi-typescript makes of it, and
// the list of event types, which a program can read at run time. Knows nothing of what the SDK does with them.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const DESCRIPTION = new URL('../../../ingest/openapi.json', import.meta.url);
const TARGET = new URL('../src/core/schema.ts', import.meta.url);

/** The text of src/core/schema.ts for the description that stands in `ingest/openapi.json`. */
export async function generateSchema(description = DESCRIPTION) {
  const document = JSON.parse(await readFile(description, 'utf8'));
  const types = astToString(await openapiTS(document));
  const list = eventTypes(document)
    .map(name => `  '${name}',\n`)
    .join('');
  return `// Generated from ingest/openapi.json by \`npm run generate\`; do not edit by hand.
/** Every kind of event that ingest takes. */
export const PROMPT_TELEMETRY_EVENT_TYPES = [
${list}] as const;

${types}`;
}

function eventTypes(document) {
  const { schemas } = document.components;
  const field = schemas.PromptTelemetryEvent.properties.eventType;
  const reference = field.$ref ?? field.allOf?.[0]?.$ref;
  const names = reference ? schemas[reference.split('/').at(-1)].enum : field.enum;
  if (!names?.length) throw new Error('PromptTelemetryEvent.eventType has no enum in ingest/openapi.json');
  return names;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(TARGET, await generateSchema());
}
