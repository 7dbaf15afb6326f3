// What telemetry is doing while one chats: the queue, a switch that cuts the network, and the statistics as they arrive.

import { getTelemetryClient, type TelemetryClientOptions } from '@prompt-telemetry/sdk/react';
import { LIBRARY } from './library.ts';
import { setFailing, useFailing } from './network.ts';
import { useDeliveryNews } from './news.ts';
import type { Suggestion } from './scoring.ts';
import { useLiveStats, useQueue } from './useLiveStats.ts';

/** What is shown now and what was chosen before (newest first). */
export interface SideViewProps {
  options: TelemetryClientOptions;
  suggestions: readonly Suggestion[];
  chosen: readonly string[];
}

/** The panel beside the chat. */
export function SideView({ options, suggestions, chosen }: SideViewProps) {
  const queue = useQueue(options);
  const failing = useFailing();
  useDeliveryNews(queue.sent);
  const ids = [...suggestions.map(({ prompt }) => prompt.id), ...chosen];
  const { stats, failed } = useLiveStats(ids, options);
  const dropped = Object.values(queue.dropped).reduce((sum, count) => sum + count, 0);
  const counts = { Queued: queue.queued, Sent: queue.sent, Retried: queue.retried, Dropped: dropped };

  const turn = () => {
    setFailing(!failing);
    // The network is back: no need to wait out the pause before the next try.
    if (failing) void getTelemetryClient(options).flush();
  };
  return (
    <aside aria-label="Telemetry">
      <section aria-labelledby="queue">
        <h2 id="queue">Queue</h2>
        <dl className="counts">
          {Object.entries(counts).map(([name, count]) => (
            <div key={name} data-count={name.toLowerCase()}>
              <dt>{name}</dt>
              <dd key={count}>{count}</dd>
            </div>
          ))}
        </dl>
        <button type="button" role="switch" aria-checked={failing} className="switch" onClick={turn}>
          <span>
            Cut the network
            <small>
              {failing ? 'Events wait here and go out later.' : 'See the queue hold and recover.'}
            </small>
          </span>
        </button>
      </section>
      <section aria-labelledby="numbers">
        <h2 id="numbers">
          Numbers <small>{failed ? 'not reachable; last known' : 'read every second'}</small>
        </h2>
        <table className="numbers">
          <thead>
            <tr>
              <th scope="col">Prompt</th>
              <th scope="col">Shown</th>
              <th scope="col">Chosen</th>
              <th scope="col">Done</th>
            </tr>
          </thead>
          <tbody>
            {ids.map((id, index) => (
              <tr key={id} className={index < suggestions.length ? '' : 'past'}>
                <th scope="row">
                  {LIBRARY.find(prompt => prompt.id === id)?.label}
                  <small>{index < suggestions.length ? reason(suggestions[index]) : 'chosen before'}</small>
                </th>
                {(['impressions', 'selections', 'completions'] as const).map(field => (
                  <td key={field} data-field={field}>
                    <span key={stats[id]?.[field]}>{stats[id]?.[field] ?? '–'}</span>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        <p className="more">
          <a href="./panel">All prompts in the panel</a>
        </p>
      </section>
    </aside>
  );
}

function reason(suggestion: Suggestion | undefined): string {
  if (!suggestion) return '';
  const { score, matchDetails: match } = suggestion;
  const parts = [
    match.stageMatch && 'stage',
    match.entropyFit && 'entropy',
    match.lensWeight > 0 && 'lens',
    match.topicWeight > 0 && 'topic',
    match.momentBoosts > 0 && 'moment',
  ];
  return `score ${score.toFixed(2)}: ${parts.filter(Boolean).join(', ') || 'base weight'}`;
}
