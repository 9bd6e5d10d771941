// The page at /: static files that client/page/build.ts made. Its content security policy lets it talk to this API and to
// edges on this machine, and to nobody else.

import fastifyStatic from '@fastify/static';
import type { App } from './app.ts';

const PAGE_CSP = [
  "default-src 'self'",
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:*",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const PAGE_NOT_BUILT = 'The page is not built yet. Run: node client/page/build.ts\n';

/** @param pageDir may be empty or missing: it is looked at for each request */
export async function registerPage(app: App, pageDir: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: pageDir,
    cacheControl: false,
    schemaHide: true,
    setHeaders: (reply, path) => {
      const isHtml = path.endsWith('.html');
      reply.header('cache-control', isHtml ? 'no-store' : 'no-cache');
      reply.header('x-content-type-options', 'nosniff');
      reply.header('referrer-policy', 'no-referrer');
      if (isHtml) reply.header('content-security-policy', PAGE_CSP);
    },
  });
}
