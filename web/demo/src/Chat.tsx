// The chat page: the conversation, the suggestions, the choice of lens and stage, and the side view.

import type { TelemetryClientOptions } from '@prompt-telemetry/sdk/react';
import { type RefObject, useEffect, useMemo, useRef } from 'react';
import { Composer } from './Composer.tsx';
import { type Conversation, contextOf } from './conversation.ts';
import { LENSES, type LibraryPrompt, STAGES } from './library.ts';
import { SideView } from './SideView.tsx';
import { Suggestions } from './Suggestions.tsx';
import { suggest } from './scoring.ts';
import { useChat } from './useChat.ts';

const SUGGESTIONS = 3;
const REMEMBERED_CHOICES = 4;

/** One conversation, from its start. `onRestart` begins another. */
export function Chat({ options, onRestart }: { options: TelemetryClientOptions; onRestart: () => void }) {
  const { conversation, dispatch, recordImpressions, choose, type } = useChat(options);
  const { messages, used, trail, lens, stage, answering } = conversation;
  const context = useMemo(
    () => contextOf({ messages, used, trail, lens, stage, answering }),
    [messages, used, trail, lens, stage, answering],
  );
  const suggestions = useMemo(() => suggest(context, used, SUGGESTIONS), [context, used]);
  const end = useRef<HTMLDivElement>(null);
  const log = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (messages.length) end.current?.scrollIntoView({ block: 'end' });
  }, [messages]);

  const chooseAndListen = (prompt: LibraryPrompt) => {
    choose(prompt);
    // The card that had the focus is gone with the click; from here the next Tab leads to the next cards.
    log.current?.focus({ preventScroll: true });
  };

  return (
    <div className="layout">
      <main>
        <div className="context">
          <label>
            Lens
            <select
              value={lens ?? ''}
              onChange={({ target }) => dispatch({ what: 'lens', lens: target.value || null })}
            >
              <option value="">None</option>
              {LENSES.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label>
            Stage
            <select
              value={stage ?? ''}
              onChange={({ target }) =>
                dispatch({ what: 'stage', stage: STAGES.find(each => each === target.value) ?? null })
              }
            >
              <option value="">Auto: {context.stage}</option>
              {STAGES.map(each => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
          <span className="entropy" title="How spread out the conversation is, 0 to 1">
            Entropy <meter min={0} max={1} value={context.entropy} aria-label="Entropy" />{' '}
            {context.entropy.toFixed(2)}
          </span>
          <button type="button" className="quiet" onClick={onRestart}>
            Start over
          </button>
        </div>
        <div className="talk">
          <div className={messages.length ? 'hidden' : 'welcome'}>
            <h1>What would your street be with more trees?</h1>
            <p>
              A small guide to shade, water, soil and the life between the houses. Pick a question to begin.
            </p>
          </div>
          <Messages conversation={conversation} log={log} />
          <div ref={end} className="end" />
        </div>
        <div className="dock">
          {answering ? null : (
            <Suggestions {...{ suggestions, context, recordImpressions }} onChoose={chooseAndListen} />
          )}
          <Composer busy={answering} onSend={type} />
        </div>
      </main>
      <SideView
        options={options}
        suggestions={suggestions}
        chosen={used.slice(-REMEMBERED_CHOICES).reverse()}
      />
    </div>
  );
}

function Messages({
  conversation,
  log,
}: {
  conversation: Conversation;
  log: RefObject<HTMLDivElement | null>;
}) {
  const { messages, answering } = conversation;
  return (
    <div ref={log} tabIndex={-1} role="log" aria-label="Conversation" aria-busy={answering}>
      {messages.map(({ from, text }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: messages are only ever added at the end
        <p key={index} className={from}>
          <span className="hidden">{from === 'person' ? 'You: ' : 'Guide: '}</span>
          {text || <span className="waiting">…</span>}
        </p>
      ))}
    </div>
  );
}
