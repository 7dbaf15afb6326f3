import { PromptPerformancePanel } from '@prompt-telemetry/sdk/panel';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Suggestions } from './Suggestions.jsx';

createRoot(document.querySelector('#root')).render(
  <StrictMode>
    <Suggestions />
    <PromptPerformancePanel />
  </StrictMode>,
);
