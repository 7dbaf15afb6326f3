// The name of the place, and the way between its two pages.

import { useEffect, useState } from 'react';

const SCHEMES = ['light dark', 'light', 'dark'] as const;
const NAMES = { 'light dark': 'Auto', light: 'Light', dark: 'Dark' };
const KEY = 'understory:color-scheme';

/** The bar on top of both pages. */
export function TopBar({ page }: { page: 'chat' | 'panel' }) {
  const [scheme, setScheme] = useState(
    () => SCHEMES.find(each => each === localStorage.getItem(KEY)) ?? 'light dark',
  );
  useEffect(() => {
    document.documentElement.style.colorScheme = scheme;
    localStorage.setItem(KEY, scheme);
  }, [scheme]);
  const next = SCHEMES[(SCHEMES.indexOf(scheme) + 1) % SCHEMES.length] ?? 'light dark';
  const current = (each: typeof page) => (each === page ? ('page' as const) : undefined);
  return (
    <header className="top">
      <a className="brand" href="./">
        <img src="./leaf.svg" alt="" width="30" height="30" />
        Understory
      </a>
      <nav aria-label="Pages">
        <a href="./" aria-current={current('chat')}>
          Chat
        </a>
        <a href="./panel" aria-current={current('panel')}>
          Panel
        </a>
      </nav>
      <button type="button" className="quiet" onClick={() => setScheme(next)}>
        <span className="hidden">Colours: </span>
        {NAMES[scheme]}
      </button>
    </header>
  );
}
