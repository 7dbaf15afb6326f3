// A small web site that uses the SDK as built, with a path to the real ingest on which anything can happen.

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { INGEST_URL } from './stack.ts';

const DIST = new URL('../../sdk/dist/', import.meta.url);

/** Answers a request to the API in ingest's place, or returns false to let it through. */
export type Meddler = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Host {
  /** The address of the site. */
  readonly url: string;
  /** The page that shows one prompt, `prompt`, in the session. */
  page(session: string): string;
  /** A page that has the browser prerender `page(session)`, and goes there once `letGo` is called. */
  pageAhead(session: string): string;
  letGo(): void;
  /** Whether the path was asked for; the prerendered page asks for `/flushed` and, when it is seen, for `/activated`. */
  wasAsked(path: string): boolean;
  /** Meddles with the API's requests until the end of the test. */
  meddle(meddler: Meddler): void;
  /** How many requests came to the API. */
  requests(): number;
}

const HTML = `<!doctype html><title>Host</title><script type="module">
  import { getTelemetryClient } from '/sdk/session/session.js';
  const sessionId = new URLSearchParams(location.search).get('session');
  window.client = getTelemetryClient({ sessionId, flushDelayMs: 10 });
  const matchDetails = { stageMatch: true, lensWeight: 1, topicWeight: 0, momentBoosts: 0 };
  const state = { stage: 'genesis', entropy: 0.4, activeLensId: null, activeMoments: [], interactionCount: 1, topicsExplored: [] };
  client.recordImpressions([{ prompt: { id: 'prompt' }, score: 1, matchDetails }], state);
  if (document.prerendering) {
    document.addEventListener('prerenderingchange', () => fetch('/activated'));
    client.flush().then(() => fetch('/flushed'));
  }
</script>`;

const AHEAD = `<!doctype html><title>Ahead</title><script type="module">
  const url = '/page' + location.search;
  const rules = document.createElement('script');
  rules.type = 'speculationrules';
  rules.textContent = JSON.stringify({ prerender: [{ urls: [url], eagerness: 'immediate' }] });
  document.head.append(rules);
  await fetch('/go');
  location.assign(url);
</script>`;

/** Serves the site for the file's tests. */
export function useHost(): Host {
  let url = '';
  let requests = 0;
  let meddler: Meddler = () => false;
  let letGo = () => {};
  const going = new Promise<void>(resolve => {
    letGo = resolve;
  });
  const asked = new Set<string>();

  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const { url: path = '/', method = 'GET' } = request;
    if (path.startsWith('/sdk/')) {
      response.setHeader('content-type', 'text/javascript');
      return response.end(await readFile(new URL(path.slice('/sdk/'.length), DIST)));
    }
    asked.add(path);
    if (path.startsWith('/page?')) return response.setHeader('content-type', 'text/html').end(HTML);
    if (path.startsWith('/ahead?')) return response.setHeader('content-type', 'text/html').end(AHEAD);
    if (path === '/go') await going;
    if (!path.includes('/api/telemetry')) return response.writeHead(404).end();
    requests++;
    if (meddler(request, response)) return;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = await fetch(INGEST_URL + path.slice(path.indexOf('/api/')), {
      method,
      headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
      body: chunks.length ? Buffer.concat(chunks) : null,
    });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(await answer.text());
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(error => response.writeHead(500).end(`${error}`));
  });

  beforeAll(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    meddler = () => false;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  return {
    get url() {
      return url;
    },
    page: session => `${url}/page?session=${session}`,
    pageAhead: session => `${url}/ahead?session=${session}`,
    letGo: () => letGo(),
    wasAsked: path => asked.has(path),
    meddle: given => {
      meddler = given;
    },
    requests: () => requests,
  };
}
