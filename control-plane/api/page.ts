// The page at /: static files that client/page/build.ts made. Its content security policy lets it talk to this API and to
// edges on this machine, or those that the configuration names, and to nobody else.

import fastifyStatic from '@fastify/static';
import type { App } from './app.ts';

const pageCsp = (edges: readonly string[]): string =>
  [
    "default-src 'self'",
    ["connect-src 'self' ws://127.0.0.1:* ws://localhost:*", ...edges].join(' '),
    "img-src 'self' data:",
    "style-src 'self' 'unsafe-inline'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

export const PAGE_NOT_BUILT = 'The page is not built yet. Run: node client/page/build.ts\n';

/**
 * @param pageDir may be empty or missing: it is looked at for each request
 * @param edges on other machines
 */
export async function registerPage(app: App, pageDir: string, edges: readonly string[]): Promise<void> {
  const csp = pageCsp(edges);
  await app.register(fastifyStatic, {
    root: pageDir,
    cacheControl: false,
    schemaHide: true,
    setHeaders: (reply, path) => {
      const isHtml = path.endsWith('.html');
      reply.header('cache-control', isHtml ? 'no-store' : 'no-cache');
      reply.header('x-content-type-options', 'nosniff');
      reply.header('referrer-policy', 'no-referrer');
      if (isHtml) reply.header('content-security-policy', csp);
    },
  });
}
