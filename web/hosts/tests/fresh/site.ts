// A small web site on one origin: static files below a folder or two, and a stand-in for ingest under /api/telemetry.

import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { createStandIn, listen, reply, type StandIn } from '../../../sdk/tests/stand-in.ts';

/** A running site, and the events that arrived at it. */
export interface Site {
  url: string;
  ingest: StandIn;
  close(): Promise<void>;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
};
const LIST = '/prompts/performance';

/** Serves `folders`, each under its own prefix; the longest that fits is taken. Without any, it is ingest alone. */
export async function serve(folders: Record<string, string> = {}): Promise<Site> {
  const ingest = createStandIn();
  ingest.answer(({ url }) =>
    url.includes(LIST) ? { status: 200, body: { prompts: [], total: 0 } } : undefined,
  );
  const { url, close } = await listen(async (request, response) => {
    if (request.url.startsWith('/api/telemetry/')) return reply(response, ingest.handle(request));
    try {
      const file = locate(folders, new URL(request.url, 'http://site').pathname);
      const content = await readFile(file);
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  return { url, ingest, close };
}

function locate(folders: Record<string, string>, path: string): string {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const prefix = prefixes.find(each => path.startsWith(each)) ?? '';
  const rest = normalize(`/${path.slice(prefix.length)}`);
  return join(folders[prefix] ?? '', rest === '/' ? 'index.html' : rest);
}
