// Jest's default configuration with jsdom: CommonJS, no fetch, no TextEncoder.
const { usePromptTelemetry } = require('@prompt-telemetry/sdk/react');
const { PromptPerformancePanel } = require('@prompt-telemetry/sdk/panel');
const { act, createElement, useEffect } = require('react');
const { createRoot } = require('react-dom/client');

globalThis.IS_REACT_ACT_ENVIRONMENT = true;
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

const render = async element => {
  const root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () => root.render(element));
};

test('a component records an impression and a click', async () => {
  const events = [];
  const delivered = new Promise(resolve => {
    globalThis.fetch = async (_, { body }) => {
      events.push(...JSON.parse(body).events);
      if (events.length === 2) resolve();
      return { ok: true, status: 202, json: async () => ({ count: 1, status: 'accepted', rejected: [] }) };
    };
  });
  function Suggestions() {
    const { recordImpressions, recordSelection } = usePromptTelemetry({ sessionId: 'jest' });
    useEffect(() => recordImpressions(prompts, context), [recordImpressions]);
    return createElement('button', { onClick: () => recordSelection('why-trees') });
  }
  await render(createElement(Suggestions));
  document.querySelector('button').click();
  await delivered;
  expect(events.map(({ eventType }) => eventType)).toEqual(['impression', 'selection']);
});

test('the panel renders', async () => {
  const fetcher = async () => ({ prompts: [], total: 0 });
  await render(createElement(PromptPerformancePanel, { fetcher }));
  expect(document.querySelector('.ptp h3').textContent).toBe('No prompts yet');
});
