// What browsers are told about requests of pages from elsewhere (the Fetch standard's CORS protocol). Credentials travel in
// the Authorization header or as a ticket, never as cookies, so that a page can only do what it has a key for.

/** A page of an allowed origin may read what it gets. */
export function corsHeaders(origin: string): Record<string, string> {
  if (origin === '') return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'retry-after, ratelimit, ratelimit-policy, allow',
    vary: 'origin',
  };
}

/** Answers the question that a browser asks before a request with headers of its own. */
export function preflightHeaders(origin: string, allowed: readonly string[]): Record<string, string> {
  return {
    ...corsHeaders(origin),
    'access-control-allow-methods': allowed.join(', '),
    'access-control-allow-headers': 'authorization, last-event-id, content-type, accept, cache-control',
    'access-control-max-age': '600',
  };
}
