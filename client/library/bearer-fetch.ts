// Requests that say who asks.

import type { Fetch } from './runtime.ts';

/** @param credential an API key or token; null: nobody in particular, which is enough where authentication is off */
export function bearerFetch(
  credential: string | null,
  fetch: Fetch = (url, init) => globalThis.fetch(url, init),
): Fetch {
  return (url, init) => fetch(url, withCredential(init, credential));
}

export function withCredential(init: RequestInit | undefined, credential: string | null): RequestInit | undefined {
  if (credential === null) return init;
  const headers = new Headers(init?.headers);
  headers.set('authorization', `Bearer ${credential}`);
  return { ...init, headers };
}
