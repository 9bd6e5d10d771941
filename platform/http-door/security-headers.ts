// Headers of every answer. Routes that serve pages put their own Content-Security-Policy over the one for data.

import type { FastifyInstance } from 'fastify';

/** Answers are data: whatever stands in them, a browser that is shown one runs and frames nothing. */
const DATA_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  // What one identity may see is not for a cache between it and others.
  'cache-control': 'no-store',
} as const;

/** To be registered before the routes. */
export function addSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(DATA_HEADERS).header('x-request-id', request.id);
    done();
  });
}
