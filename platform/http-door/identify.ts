// The door: who is calling, may they, and not too often. A Fastify plugin for every HTTP server of the project.
//
//   onRequest   address not over its failures? ─▶ credential ─▶ identity ─▶ budgets ─▶ role ─▶ the tenant's gate
//   preHandler  grant on the topic that the request names
//   onSend      a route that finds its topic itself has looked who calls

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { MdsError } from '../../schemas/errors.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import type { Authenticator } from '../identity/authenticator.ts';
import type { Taken } from '../rate-limit/budget.ts';
import { secondsLeft } from '../rate-limit/rate-limit-headers.ts';
import type { Caller, RequestKind, RequestLimits, Verdict } from '../rate-limit/request-limits.ts';
import { type Access, checkGrant, checkRole, PUBLIC } from './access.ts';
import { KnownCredentials } from './known-credentials.ts';
import type { TenantGate } from './tenant-gate.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route asks of whoever calls it. */
    access?: Access;
    /** What the route is counted as; default: GET and HEAD are reads, the rest are writes. */
    counts?: RequestKind | 'nothing';
    /** A stream: it has limits of its own, and must not hold a place among the requests that are worked on. */
    staysOpen?: boolean;
  }
  interface FastifyInstance {
    /** Every route with what it asks, in the order in which they were added. */
    readonly routeAccess: RouteAccess[];
  }
  interface FastifyRequest {
    /** Throws on a public route: there is none. */
    readonly identity: Identity;
    /** The route's code has looked who calls. */
    hasLooked: boolean;
    knownIdentity: Identity | null;
  }
}

export interface RouteAccess {
  readonly method: string;
  readonly url: string;
  readonly access: Access;
}

export interface DoorOptions {
  readonly authenticator: Authenticator;
  readonly limits: Pick<RequestLimits, 'take' | 'authenticationFailed' | 'failuresSpent'>;
  readonly gate: Pick<TenantGate, 'enter'>;
  /** GET routes of others' plugins that can say nothing themselves: documentation, files of the page. */
  readonly publicReads?: (url: string) => boolean;
}

const FOREIGN = PUBLIC('its files are the same for everybody');

export const identify = fastifyPlugin(async (app: FastifyInstance, options: DoorOptions) => {
  const known = new KnownCredentials(options.authenticator, options.limits);
  app.decorate('routeAccess', []);
  app.decorateRequest('knownIdentity', null);
  app.decorateRequest('hasLooked', false);
  app.decorateRequest('identity', {
    getter(this: FastifyRequest) {
      if (this.knownIdentity === null) throw new Error(`${this.routeOptions.url} asks who calls and is public`);
      this.hasLooked = true;
      return this.knownIdentity;
    },
  });

  app.addHook('onRoute', (route) => {
    const methods = [route.method].flat();
    const declared = route.config?.access;
    for (const method of methods) app.routeAccess.push({ method, url: route.url, access: declared ?? FOREIGN });
    if (declared !== undefined) return;
    const isPreflight = route.method === 'OPTIONS' && route.url === '*'; // of @fastify/cors
    if (!isPreflight && !(methods.every(isReading) && options.publicReads?.(route.url) === true)) {
      throw new Error(`the route ${methods} ${route.url} does not say who may use it: give it config.access`);
    }
    route.config = { ...route.config, access: FOREIGN, counts: route.config?.counts ?? 'reads' };
  });

  app.addHook('onRequest', async (request, reply) => {
    const { access } = request.routeOptions.config;
    const caller =
      access === undefined || access.needs === 'nothing' ? { address: request.ip } : await recognise(request, reply);
    await count(request, reply, caller);
    if (request.knownIdentity === null || access === undefined) return;
    checkRole(access, request.knownIdentity);
    if (request.routeOptions.config.staysOpen === true) return;
    const leave = await enter(request.knownIdentity.tenant, reply);
    if (reply.raw.destroyed)
      leave(); // gone while it waited
    else reply.raw.once('close', leave).once('finish', leave);
  });

  app.addHook('preHandler', async (request) => {
    const { access } = request.routeOptions.config;
    if (access !== undefined) checkGrant(access, request);
  });

  app.addHook('onSend', async (request, reply) => {
    if (reply.statusCode >= 400 || request.routeOptions.config.access?.needs !== 'found' || request.hasLooked) return;
    throw new Error(`${request.method} ${request.routeOptions.url} answers without having looked who calls`);
  });

  async function enter(tenant: string, reply: FastifyReply): Promise<() => void> {
    try {
      return await options.gate.enter(tenant);
    } catch (error) {
      reply.header('retry-after', 1);
      throw error;
    }
  }

  async function recognise(request: FastifyRequest, reply: FastifyReply): Promise<Caller> {
    const { ip: address, headers } = request;
    try {
      const identity = await known.identityOf(credentialIn(headers.authorization), address);
      request.knownIdentity = identity;
      return { address, subject: identity.subject, tenant: identity.tenant };
    } catch (error) {
      if (error instanceof MdsError && error.code === 'MDS_UNAUTHENTICATED') {
        reply.header('www-authenticate', headers.authorization === undefined ? 'Bearer realm="mds"' : INVALID_TOKEN);
      }
      const spent = options.limits.failuresSpent(address);
      if (error instanceof MdsError && error.code === 'MDS_RATE_LIMITED' && spent) sayRetryAfter(reply, spent);
      throw error;
    }
  }

  async function count(request: FastifyRequest, reply: FastifyReply, caller: Caller): Promise<void> {
    const { counts = isReading(request.method) ? 'reads' : 'writes' } = request.routeOptions.config;
    if (counts === 'nothing') return;
    const asked = options.limits.take(counts, caller);
    const verdict: Verdict = asked instanceof Promise ? await asked : asked;
    const { refusedBy, rateLimit, rateLimitPolicy } = verdict;
    reply.header('ratelimit', rateLimit).header('ratelimit-policy', rateLimitPolicy);
    if (refusedBy === null) return;
    sayRetryAfter(reply, refusedBy);
    const { limit, what } = refusedBy.budget;
    throw new MdsError('MDS_RATE_LIMITED', { limit, what, retryAfterSeconds: secondsLeft(refusedBy) });
  }
});

const INVALID_TOKEN = 'Bearer realm="mds", error="invalid_token"';

/** RFC 6750: the scheme in any case, then one word. @returns null for anything else */
function credentialIn(header: string | undefined): string | null {
  return /^bearer +(\S+)$/i.exec(header?.trim() ?? '')?.[1] ?? null;
}

const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';

const sayRetryAfter = (reply: FastifyReply, spent: Taken): unknown => reply.header('retry-after', secondsLeft(spent));
