// Tells the demo's panel in another tab that events were delivered, so that it reads anew without waiting for its next
// refresh.

import { useEffect, useState } from 'react';

const CHANNEL = 'prompt-telemetry-demo';
// The consumer stores a moment after ingest has answered; a second look catches a slow one.
const READ_AFTER_MS = [500, 1_400];

/** Tells it whenever `sent` has grown. */
export function useDeliveryNews(sent: number) {
  useEffect(() => {
    if (!sent) return;
    const channel = new BroadcastChannel(CHANNEL);
    channel.postMessage(sent);
    channel.close();
  }, [sent]);
}

/** A number that grows shortly after each delivery. */
export function useDeliveries(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    let timers: ReturnType<typeof setTimeout>[] = [];
    const stop = () => timers.forEach(clearTimeout);
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = () => {
      stop();
      timers = READ_AFTER_MS.map(delay => setTimeout(() => setCount(before => before + 1), delay));
    };
    return () => {
      channel.close();
      stop();
    };
  }, []);
  return count;
}
