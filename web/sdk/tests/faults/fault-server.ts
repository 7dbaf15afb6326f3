// A network between the SDK and ingest that fails in every way it can: requests lost before they arrive, refusals with
// and without Retry-After, delays, connections reset after ingest has accepted, so that the answer is lost, and others
// who answer in ingest's place: redirects, pages with any status, a proxy that takes no large body.

import type { ServerResponse } from 'node:http';
import { type Listening, listen, page, type Received, reply } from '../stand-in.js';

// How often each happens, in parts of a hundred.
const CHANCES = {
  drop: 20,
  refuse: 15,
  reset: 10,
  delay: 10,
  redirect: 10,
  stranger: 15,
  proxy: 10,
  none: 10,
};

export type Fault = keyof typeof CHANCES;

// The largest body that the proxy takes: some twenty events.
const PROXY_BYTES = 5_000;
const STRANGERS = [200, 202, 400, 401, 403, 404, 405, 422, 502, 511];

export interface FaultServer extends Listening {
  /** How many requests met which fault. */
  met: Record<Fault, number>;
  /** Lets everything through from now on. */
  heal(): void;
}

/** Stands in front of `target`. The same seed gives the same sequence of faults. */
export async function startFaultServer(target: string, seed: number): Promise<FaultServer> {
  const random = randomFrom(seed);
  const met = Object.fromEntries(Object.keys(CHANCES).map(fault => [fault, 0])) as Record<Fault, number>;
  let healed = false;

  const server = await listen(async (request, response, incoming) => {
    const fault = healed ? 'none' : pick(random());
    if (fault !== 'proxy' || request.body.length > PROXY_BYTES) met[fault]++;
    if (fault === 'drop') return void incoming.socket.destroy();
    if (fault === 'redirect') return redirect(request, response, random());
    if (fault === 'stranger') return reply(response, page(STRANGERS[met.stranger % STRANGERS.length] ?? 200));
    if (fault === 'proxy' && request.body.length > PROXY_BYTES) return reply(response, page(413));
    if (fault === 'refuse') {
      const retryAfter: Record<string, string> = random() < 0.5 ? { 'retry-after': '1' } : {};
      response.writeHead(503, { 'content-type': 'application/problem+json', ...retryAfter });
      return void response.end('{"type":"about:blank","title":"Service Unavailable","status":503}');
    }
    if (fault === 'delay') await new Promise(resolve => setTimeout(resolve, random() * 50));
    const answer = await fetch(target + request.url, {
      method: request.method,
      headers: { 'content-type': String(request.headers['content-type'] ?? 'application/json') },
      body: request.body || null,
    });
    const text = await answer.text();
    if (fault === 'reset') return void incoming.socket.destroy();
    reply(response, {
      status: answer.status,
      headers: { 'content-type': answer.headers.get('content-type') ?? '' },
      text,
    });
  });

  return {
    ...server,
    met,
    heal: () => {
      healed = true;
    },
  };
}

function pick(chance: number): Fault {
  const faults = Object.entries(CHANCES).flatMap(([fault, weight]) =>
    Array<Fault>(weight).fill(fault as Fault),
  );
  return faults[Math.floor(chance * faults.length)] ?? 'none';
}

// A 301 or 302 has the next request come without the body, as a GET; a 308 has it come as it was.
function redirect({ url }: Received, response: ServerResponse, chance: number) {
  const status = chance < 0.4 ? 301 : chance < 0.8 ? 302 : 308;
  return reply(response, { status, headers: { location: url }, text: '<h1>Moved</h1>' });
}

/** Mulberry32: small, even, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
