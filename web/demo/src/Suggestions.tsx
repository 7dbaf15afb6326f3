// The cards above the message box, and the telemetry of their being shown.

import type { ContextState, UsePromptTelemetryReturn } from '@prompt-telemetry/sdk/react';
import { useEffect } from 'react';
import type { LibraryPrompt } from './library.ts';
import type { Suggestion } from './scoring.ts';

/** What is suggested now, and who hears of it. */
export interface SuggestionsProps {
  suggestions: readonly Suggestion[];
  context: ContextState;
  recordImpressions: UsePromptTelemetryReturn['recordImpressions'];
  onChoose: (prompt: LibraryPrompt) => void;
}

/** A card for each suggestion. */
export function Suggestions({ suggestions, context, recordImpressions, onChoose }: SuggestionsProps) {
  // Telemetry, place 1 of 3: the suggestions are on the page. The whole list each time; the SDK tells what is new.
  useEffect(() => recordImpressions(suggestions, context), [suggestions, context, recordImpressions]);

  return (
    <ul className="suggestions" aria-label="Suggested questions">
      {suggestions.map(({ prompt }) => (
        <li key={prompt.id}>
          <button type="button" data-prompt={prompt.id} onClick={() => onChoose(prompt)}>
            {prompt.label}
          </button>
        </li>
      ))}
    </ul>
  );
}
