// A network between the SDK and ingest that fails in every way it can: requests lost before they arrive, refusals with
// and without Retry-After, delays, and connections reset after ingest has accepted, so that the answer is lost.

import { type Listening, listen } from '../stand-in.js';

export type Fault = 'drop' | 'refuse' | 'reset' | 'delay' | 'none';

export interface FaultServer extends Listening {
  /** How many requests met which fault. */
  met: Record<Fault, number>;
  /** Lets everything through from now on. */
  heal(): void;
}

/** Stands in front of `target`. The same seed gives the same sequence of faults. */
export async function startFaultServer(target: string, seed: number): Promise<FaultServer> {
  const random = randomFrom(seed);
  const met: Record<Fault, number> = { drop: 0, refuse: 0, reset: 0, delay: 0, none: 0 };
  let healed = false;

  const server = await listen(async (request, response, incoming) => {
    const fault = healed ? 'none' : pick(random());
    met[fault]++;
    if (fault === 'drop') return void incoming.socket.destroy();
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
    const body = await answer.text();
    if (fault === 'reset') return void incoming.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(body);
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
  if (chance < 0.3) return 'drop';
  if (chance < 0.6) return 'refuse';
  if (chance < 0.7) return 'reset';
  return chance < 0.8 ? 'delay' : 'none';
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
