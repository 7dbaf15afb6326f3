// A server component: it uses the core itself, and the panel and the hook's component as they are.
import { PROMPT_TELEMETRY_EVENT_TYPES } from '@prompt-telemetry/sdk';
import { PromptPerformancePanel } from '@prompt-telemetry/sdk/panel';
import { Suggestions } from './Suggestions.jsx';

export default function Page() {
  return (
    <main>
      <p>{PROMPT_TELEMETRY_EVENT_TYPES.join(' ')}</p>
      <Suggestions />
      <PromptPerformancePanel />
    </main>
  );
}
