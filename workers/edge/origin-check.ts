// Which web pages may open a connection here. Browsers send the page's origin and scripts cannot forge it; programs send
// none. Without this check any page a user visits could read the streams that the user's machine can reach.

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * @param origin the Origin header; empty when there is none
 * @param allowed origins such as `https://monitor.example.com`; `*` lets every origin in
 */
export function isOriginAllowed(origin: string, allowed: readonly string[]): boolean {
  if (origin === '' || allowed.includes('*') || allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  return LOOPBACK_HOSTS.has(new URL(origin).hostname);
}

/**
 * While everybody is let in, an edge is called by names of this machine or of an allowed origin only: a page of any other name
 * that points here (DNS rebinding) would be of the same origin, and ask nobody.
 *
 * @param host the Host header
 */
export const isHostAllowed = (host: string, allowed: readonly string[]): boolean =>
  URL.canParse(`http://${host}`) &&
  (isOriginAllowed(`http://${host}`, allowed) || isOriginAllowed(`https://${host}`, allowed));
