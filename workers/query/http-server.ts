// The query process's HTTP server: errors as problem details, limits, health, /openapi.json.

import { randomUUID } from 'node:crypto';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import websocket from '@fastify/websocket';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { answerHealth, HEALTH_PATHS, type Health } from '../../platform/health.ts';
import { PUBLIC } from '../../platform/http-door/access.ts';
import { type HttpServerSettings, httpServerOptions } from '../../platform/http-door/http-server.ts';
// for the members of requests and routes that it declares
import '../../platform/http-door/identify.ts';
import type { Logger } from '../../platform/log.ts';
import type { ErrorBook } from '../../platform/management/error-book.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { type ApiDocument, completeDocument } from '../../platform/openapi/complete-document.ts';
import { noRoute, problemOfThrown } from '../../platform/problem-details.ts';
import { type App, measureRequests } from '../../platform/rest-app.ts';
import { compileValidator } from '../../platform/rest-validator.ts';
import { PROBLEM_CONTENT_TYPE, Problem } from '../../schemas/api/problem.ts';
import { MdsError } from '../../schemas/errors.ts';

const REQUEST_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

export interface HttpServerParts {
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Counts what callers were told went wrong. */
  readonly errors: Pick<ErrorBook, 'record'>;
  readonly settings: HttpServerSettings;
  readonly version: string;
  /** Puts the door before the routes: who calls, and how often. */
  readonly openDoor: (app: App) => Promise<void>;
}

const AUTH_SUBPROTOCOL = 'mds.auth.';
/** Clients have nothing to say. */
const MAX_CLIENT_MESSAGE_BYTES = 1024;
const FREE = { access: PUBLIC('probes and readers of the documentation have no key'), counts: 'nothing' } as const;

/** @returns without routes but those of health and documentation */
export async function createHttpServer(parts: HttpServerParts): Promise<App> {
  const { health, metrics, log, settings, version } = parts;
  const app: App = fastify({
    ...httpServerOptions(settings),
    frameworkErrors: (error, request, reply) => sendProblem(log, error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler((thrown, request, reply) => {
    if (thrown instanceof MdsError) parts.errors.record(thrown, { tenant: request.knownIdentity?.tenant ?? '' });
    sendProblem(log, thrown, request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = '/'] = request.url.split('?');
    sendProblem(log, noRoute(request.method, path), request, reply);
  });
  measureRequests(app, metrics, REQUEST_BUCKETS_SECONDS);
  app.addHook('onRequest', takeCredentialOfUpgrade);
  await app.register(websocket, {
    options: { maxPayload: MAX_CLIENT_MESSAGE_BYTES, perMessageDeflate: false, handleProtocols: pickSubprotocol },
  });
  await parts.openDoor(app);
  app.addSchema(Problem);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Monitoring Distribution Service: data access', version },
      tags: [{ name: 'data', description: 'Aggregates, latest values and recent events' }],
    },
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, i) => (typeof $id === 'string' ? $id : `def-${i}`),
    },
  });
  app.get('/openapi.json', { config: FREE, schema: { hide: true } }, () => describedApi(app));
  for (const path of HEALTH_PATHS) {
    app.get(path, { config: FREE, schema: { hide: true } }, async (_request, reply) => {
      const answer = await answerHealth(path, health, metrics);
      if (answer === null) return reply.callNotFound();
      return reply.code(answer.status).type(answer.contentType).serializer(String).send(answer.body);
    });
  }
  return app;
}

/** The document of an app that is ready. */
export const describedApi = (app: App): ReturnType<typeof completeDocument> =>
  completeDocument(app.swagger() as unknown as ApiDocument); // made of what the routes declare; the part that is used

/**
 * A browser's WebSocket has no headers of its own: it offers its credential as a subprotocol `mds.auth.<base64url>`, as at
 * edges. It is looked at like any other from there on.
 */
async function takeCredentialOfUpgrade({ headers }: FastifyRequest): Promise<void> {
  if (headers.authorization !== undefined || headers.upgrade?.toLowerCase() !== 'websocket') return;
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const credential = offered.find((name) => name.startsWith(AUTH_SUBPROTOCOL));
  if (credential === undefined) return;
  headers.authorization = `Bearer ${Buffer.from(credential.slice(AUTH_SUBPROTOCOL.length), 'base64url').toString('utf8')}`;
}

/** Any but the one that is a credential, which must not be said back. */
function pickSubprotocol(offered: ReadonlySet<string>): string | false {
  return [...offered].find((name) => !name.startsWith(AUTH_SUBPROTOCOL)) ?? false;
}

/** Anything thrown as an MdsError: what is none is a bug. */
export function asMdsError(thrown: unknown): MdsError {
  return thrown instanceof MdsError ? thrown : new MdsError('MDS_INTERNAL', { reference: String(thrown) });
}

export function sendProblem(log: Logger, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOfThrown(thrown, (err) => {
    const reference = randomUUID();
    log.error({ err, reference, method: request.method, route: request.routeOptions.url }, 'a request met a bug');
    return reference;
  });
  reply.code(problem.status).type(PROBLEM_CONTENT_TYPE).serializer(JSON.stringify).send(problem);
}
