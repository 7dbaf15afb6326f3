// Keeps the read token that a person typed in for as long as the tab lives: in sessionStorage, so that a reload does
// not ask again, or only in memory where that is forbidden. Each server has its own: a token goes to no other.

import { useState } from 'react';
import { attempt } from '../core/guard.js';

/** The token, empty until one is known, and how to set it. Without a server's address it is kept in memory alone. */
export function useToken(server: string | undefined): [string, (token: string) => void] {
  const [given, give] = useState({ server, token: '' });
  const key = server && `prompt-telemetry:read-token ${server}`;
  const kept = () => key && attempt(() => sessionStorage.getItem(key));
  const token = (given.server === server && given.token) || kept() || '';
  const keep = (token: string) => {
    give({ server, token });
    if (key) attempt(() => sessionStorage.setItem(key, token));
  };
  return [token, keep];
}
