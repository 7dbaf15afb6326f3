// Starts the panel page: the SDK's own panel, and nothing else.

import { PromptPerformancePanel } from '@prompt-telemetry/sdk/panel';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { LENSES } from './library.ts';
import { useDeliveries } from './news.ts';
import { TopBar } from './TopBar.tsx';
import './style.css';

const lenses = LENSES.map(({ id }) => id);

function PanelPage() {
  const deliveries = useDeliveries();
  return (
    <>
      <TopBar page="panel" />
      <main className="panel">
        <h1 className="hidden">How the suggested prompts perform</h1>
        <PromptPerformancePanel lenses={lenses} refreshKey={deliveries} colorScheme="inherit" />
      </main>
    </>
  );
}

const root = document.getElementById('root');
if (root)
  createRoot(root).render(
    <StrictMode>
      <PanelPage />
    </StrictMode>,
  );
