// Which web pages may use an API. Nothing here knows cookies: whoever is not told a key has no rights that a foreign page
// could borrow, so there is no CSRF token. While authentication is off that protection is missing, hence the check of Host.

import cors from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MdsError } from '../../schemas/errors.ts';

export interface OriginOptions {
  /** As browsers send them: `https://dashboards.example.org`; beside the door's own. */
  readonly allowedOrigins: readonly string[];
  /** Everybody is let in: then only under names of this machine, or a page could come in by DNS rebinding. */
  readonly isOpen: boolean;
}

const EXPOSED_HEADERS = ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id', 'Idempotency-Replayed'];
/** A browser asks again after 10 min whether it may. */
const PREFLIGHT_SECONDS = 600;

/** To be registered before the routes. */
export async function checkOrigins(app: FastifyInstance, { allowedOrigins, isOpen }: OriginOptions): Promise<void> {
  const allowed = new Set(allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
  app.addHook('onRequest', async (request) => {
    const { origin, host } = request.headers;
    if (isOpen && !isLoopbackName(host)) throw new MdsError('MDS_ORIGIN_REFUSED', { origin: host });
    if (origin === undefined || isOwn(origin, request) || allowed.has(origin.toLowerCase())) return;
    throw new MdsError('MDS_ORIGIN_REFUSED', { origin });
  });
  if (allowed.size === 0) return; // a browser lets no other page read an answer without these headers
  await app.register(cors, {
    origin: [...allowed],
    credentials: false,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
  });
}

/** The scheme is the proxy's, where there is one, so only the place counts. */
const isOwn = (origin: string, { headers }: FastifyRequest): boolean =>
  headers.host !== undefined && origin.replace(/^https?:\/\//i, '').toLowerCase() === headers.host.toLowerCase();

const isLoopbackName = (host: string | undefined): boolean =>
  /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d+)?$/i.test(host ?? '');
