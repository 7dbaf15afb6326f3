// What stands in the table's place when there are no rows to show: why, and what a person can do about it.

import { type FormEvent, useId } from 'react';
import type { TelemetryError } from '../core/index.js';

/** Nothing was ever recorded, or nothing that the filters let through. */
export function Empty({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  return filtered ? (
    <div className="ptp-notice">
      <h3>No prompt matches</h3>
      <p>There may be prompts that these filters leave out.</p>
      <button type="button" onClick={onClear}>
        Clear filters
      </button>
    </div>
  ) : (
    <div className="ptp-notice">
      <h3>No prompts yet</h3>
      <p>A prompt appears here with its first event, a moment after it was shown.</p>
    </div>
  );
}

/** The first reading failed. */
export function Failure({ error, onRetry }: { error: TelemetryError; onRetry: () => void }) {
  return (
    <div className="ptp-notice" role="alert">
      <h3>The numbers could not be read</h3>
      <p>{error.message}</p>
      <button type="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

/** Ingest wants the read token; `refused` says that it did not take the one it got. */
export function Unauthorised({ refused, onToken }: { refused: boolean; onToken: (token: string) => void }) {
  const problem = useId();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onToken(String(new FormData(event.currentTarget).get('token')).trim());
  };
  return (
    <form className="ptp-notice" onSubmit={submit}>
      <h3>These numbers need the read token</h3>
      <p id={problem} role={refused ? 'alert' : undefined}>
        {refused
          ? 'That token was not accepted.'
          : 'Whoever runs the ingest service has it. It is kept until this tab is closed.'}
      </p>
      <label>
        Read token
        <input
          name="token"
          type="password"
          required
          autoComplete="off"
          aria-describedby={problem}
          aria-invalid={refused}
        />
      </label>
      <button type="submit">Show the numbers</button>
    </form>
  );
}
