// A stand-in for ingest: accepts batches, counts an event once by its id, and answers stats. In process through
// `fetch`, or over real HTTP through `listen`.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RecordedEvent } from '../src/core/index.js';

export interface Received {
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Answer {
  status: number;
  body?: unknown;
  /** Sent as it is, in place of `body`. */
  text?: string;
  headers?: Record<string, string>;
}

export interface StandIn {
  /** Every event stored, by id. */
  stored: Map<string, RecordedEvent>;
  /** Every request, in order. */
  requests: Received[];
  /** The events of each request, in order. */
  batches(): RecordedEvent[][];
  /** Answers this instead of storing, until it returns undefined. */
  answer(instead: (request: Received) => Answer | undefined): void;
  fetch: typeof fetch;
  handle(request: Received): Answer;
}

/** In place of a status, in process only: the connection breaks, or nothing ever comes. */
export const NO_ANSWER = 0;
export const SILENCE = -1;

export const problem = (status: number, more: object = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: { type: 'about:blank', title: `status ${status}`, detail: 'as told', status, code: 'test', ...more },
});

/** What others answer in ingest's place: an ingress, a firewall, a captive portal. */
export const page = (status: number): Answer => ({
  status,
  headers: { 'content-type': 'text/html' },
  text: '<!doctype html><title>Sign in</title>',
});

export function createStandIn(): StandIn {
  const stored = new Map<string, RecordedEvent>();
  const requests: Received[] = [];
  let instead: (request: Received) => Answer | undefined = () => undefined;

  const handle = (request: Received): Answer => {
    requests.push(request);
    const other = instead(request);
    if (other) return other;
    const stats = /\/prompt\/([^/]+)\/stats$/.exec(request.url);
    if (stats) return { status: 200, body: statsOf(decodeURIComponent(stats[1] ?? '')) };
    if (request.method === 'GET') return problem(405, { code: 'method_not_allowed' });
    const { events } = JSON.parse(request.body) as { events: RecordedEvent[] };
    for (const event of events) if (!stored.has(event.id)) stored.set(event.id, event);
    return { status: 202, body: { count: events.length, status: 'accepted', rejected: [] } };
  };
  const statsOf = (promptId: string) => {
    const count = (type: string) =>
      [...stored.values()].filter(event => event.promptId === promptId && event.eventType === type).length;
    return { promptId, impressions: count('impression'), selections: count('selection') };
  };

  return {
    stored,
    requests,
    batches: () => requests.map(({ body }) => JSON.parse(body).events),
    answer: given => {
      instead = given;
    },
    handle,
    fetch: async (input, init) => {
      const { method = 'GET', headers, body } = init ?? {};
      const request = {
        method,
        url: String(input),
        headers: { ...(headers as object) },
        body: String(body ?? ''),
      };
      const { status, body: answer, text, headers: more } = handle(request);
      if (status === NO_ANSWER) throw new TypeError('connection refused');
      if (status === SILENCE) {
        return new Promise((_, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new DOMException('given up', 'AbortError')));
        });
      }
      return new Response(text ?? (answer === undefined ? null : JSON.stringify(answer)), {
        status,
        headers: more ?? {},
      });
    },
  };
}

export interface Listening {
  url: string;
  close(): Promise<void>;
}

/** Serves requests on a free port of this machine. `serve` may destroy the socket instead of answering. */
export async function listen(
  serve: (request: Received, response: ServerResponse, incoming: IncomingMessage) => void | Promise<void>,
): Promise<Listening> {
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = incoming;
    await serve({ method, url, headers, body: Buffer.concat(chunks).toString() }, response, incoming);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function reply(response: ServerResponse, { status, body, text, headers }: Answer) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(text ?? (body === undefined ? '' : JSON.stringify(body)));
}
