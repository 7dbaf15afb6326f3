// Starts the chat page. Each conversation is a session of its own, since its questions are counted from zero again.

import { StrictMode, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './Chat.tsx';
import { switchableFetch } from './network.ts';
import { TopBar } from './TopBar.tsx';
import './style.css';
import './chat.css';
import './side.css';

function ChatPage() {
  const [session, setSession] = useState(newSession);
  const options = useMemo(() => ({ sessionId: session, fetch: switchableFetch }), [session]);
  return (
    <>
      <TopBar page="chat" />
      <Chat key={session} options={options} onRestart={() => setSession(newSession())} />
    </>
  );
}

// crypto.randomUUID is missing on pages served over plain HTTP from another machine.
const newSession = () =>
  `demo-${Array.from(crypto.getRandomValues(new Uint32Array(3)), part => part.toString(36)).join('')}`;

const root = document.getElementById('root');
if (root)
  createRoot(root).render(
    <StrictMode>
      <ChatPage />
    </StrictMode>,
  );
