// One conversation and its telemetry: asks, streams the answer, and tells the SDK of the click and of the answer's end.
// The impressions are told where the suggestions are rendered.

import { type TelemetryClientOptions, usePromptTelemetry } from '@prompt-telemetry/sdk/react';
import { useEffect, useReducer, useRef } from 'react';
import { replyTo, stream, topicOf } from './answer.ts';
import { contextOf, happen, mainTopic, START } from './conversation.ts';
import type { LibraryPrompt } from './library.ts';

/** The conversation, what can happen to it, and how to ask. */
export function useChat(options: TelemetryClientOptions) {
  const { recordImpressions, recordSelection, beginCompletion } = usePromptTelemetry(options);
  const [conversation, dispatch] = useReducer(happen, START);
  const completion = useRef<ReturnType<typeof beginCompletion>>(undefined);
  const answering = useRef<AbortController>(undefined);
  useEffect(
    () => () => {
      answering.current?.abort();
      // Starting over is an action of the person's as well.
      completion.current?.close();
    },
    [],
  );

  async function answer(text: string, entropyAfter: number) {
    const abort = new AbortController();
    answering.current = abort;
    for await (const said of stream(text, abort.signal)) dispatch({ what: 'said', text: said });
    if (abort.signal.aborted) return;
    dispatch({ what: 'answered' });
    // Telemetry, place 3 of 3: the answer has ended.
    completion.current?.responseDone({ entropy: entropyAfter });
  }

  const ask = (
    event: { text: string; promptId?: string; topic: ReturnType<typeof topicOf> },
    reply: string,
  ) => {
    const asked = { what: 'asked', ...event } as const;
    dispatch(asked);
    void answer(reply, contextOf(happen(conversation, asked)).entropy);
  };

  return {
    conversation,
    dispatch,
    recordImpressions,
    choose: (prompt: LibraryPrompt) => {
      const { id, label, answer: reply } = prompt;
      // Telemetry, place 2 of 3: a suggestion was clicked.
      recordSelection(id);
      completion.current = beginCompletion(id);
      ask({ text: label, promptId: id, topic: mainTopic(prompt) }, reply);
    },
    type: (text: string) => {
      // A message of the person's own ends the time they spent on the answer before.
      completion.current?.close();
      completion.current = undefined;
      const topic = topicOf(text);
      ask({ text, topic }, replyTo(topic));
    },
  };
}
