// The box for a message of one's own.

import type { FormEvent } from 'react';

/** A text field and a button; `busy` while an answer is being given. */
export function Composer({ busy, onSend }: { busy: boolean; onSend: (text: string) => void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const text = String(new FormData(form).get('message')).trim();
    if (busy || !text) return;
    onSend(text);
    form.reset();
  };
  return (
    <form className="composer" onSubmit={submit}>
      <input
        name="message"
        aria-label="Your question"
        placeholder="Or ask in your own words"
        maxLength={500}
        autoComplete="off"
      />
      <button type="submit" aria-disabled={busy} aria-label="Send">
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <path d="M10 16V4m0 0L5 9m5-5 5 5" />
        </svg>
      </button>
    </form>
  );
}
