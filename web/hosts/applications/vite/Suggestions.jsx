import { usePromptTelemetry } from '@prompt-telemetry/sdk/react';
import { useEffect } from 'react';

const prompts = [
  {
    prompt: { id: 'why-trees' },
    score: 4.5,
    matchDetails: { stageMatch: true, lensWeight: 0.7, topicWeight: 0, momentBoosts: 0 },
  },
];
const context = {
  stage: 'genesis',
  entropy: 0,
  activeLensId: null,
  activeMoments: [],
  interactionCount: 0,
  topicsExplored: [],
};

export function Suggestions() {
  const { recordImpressions, recordSelection } = usePromptTelemetry({ sessionId: 'vite' });
  useEffect(() => recordImpressions(prompts, context), [recordImpressions]);
  return (
    <button type="button" onClick={() => recordSelection('why-trees')}>
      Why trees?
    </button>
  );
}
