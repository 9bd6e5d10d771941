// Requests that say who asks.

import type { Fetch } from './runtime.ts';

/** @param credential an API key or token; null: nobody in particular, which is enough where authentication is off */
export function bearerFetch(credential: string | null): Fetch {
  return (url, init = {}) => {
    if (credential === null) return globalThis.fetch(url, init);
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${credential}`);
    return globalThis.fetch(url, { ...init, headers });
  };
}
