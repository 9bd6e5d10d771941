// The query process's HTTP server: errors as problem details, limits, health, /openapi.json.

import { randomUUID } from 'node:crypto';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { answerHealth, HEALTH_PATHS, type Health } from '../../platform/health.ts';
import { checkOrigins } from '../../platform/http-door/origins.ts';
import { addSecurityHeaders } from '../../platform/http-door/security-headers.ts';
import { HTTP_SERVER_OPTIONS, limitConnections, ROUTER_OPTIONS } from '../../platform/http-limits.ts';
import type { Logger } from '../../platform/log.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { type ApiDocument, completeDocument } from '../../platform/openapi/complete-document.ts';
import { problemOfThrown } from '../../platform/problem-details.ts';
import type { App } from '../../platform/rest-app.ts';
import { compileValidator } from '../../platform/rest-validator.ts';
import { PROBLEM_CONTENT_TYPE, Problem } from '../../schemas/api/problem.ts';
import { MdsError } from '../../schemas/errors.ts';

const REQUEST_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

export interface HttpServerParts {
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly bodyBytes: number;
  readonly version: string;
  /** Authentication is off: everybody on this machine may do everything. */
  readonly isOpen: boolean;
}

/** @returns without routes but those of health and documentation */
export async function createHttpServer(parts: HttpServerParts): Promise<App> {
  const { health, metrics, log, bodyBytes, version, isOpen } = parts;
  const app: App = fastify({
    bodyLimit: bodyBytes,
    forceCloseConnections: true, // streams would hold up the drain
    requestTimeout: HTTP_SERVER_OPTIONS.requestTimeout,
    http: HTTP_SERVER_OPTIONS,
    routerOptions: ROUTER_OPTIONS,
    frameworkErrors: (error, request, reply) => sendProblem(log, error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();
  limitConnections(app.server);
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler((thrown, request, reply) => sendProblem(log, thrown, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0];
    sendProblem(log, new MdsError('MDS_NO_ROUTE', { method: request.method, path }), request, reply);
  });
  measureRequests(app, metrics);
  addSecurityHeaders(app);
  await checkOrigins(app, { allowedOrigins: [], isOpen });
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
  app.get('/openapi.json', { schema: { hide: true } }, () => describedApi(app));
  for (const path of HEALTH_PATHS) {
    app.get(path, { schema: { hide: true } }, async (_request, reply) => {
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

export function sendProblem(log: Logger, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOfThrown(thrown, (err) => {
    const reference = randomUUID();
    log.error({ err, reference, method: request.method, route: request.routeOptions.url }, 'a request met a bug');
    return reference;
  });
  reply.code(problem.status).type(PROBLEM_CONTENT_TYPE).serializer(JSON.stringify).send(problem);
}

function measureRequests(app: App, metrics: Metrics): void {
  const seconds = metrics.histogram('http_request_seconds', 'Time to answer a request', REQUEST_BUCKETS_SECONDS, [
    'method',
    'route',
    'status',
  ]);
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
}

/** @throws MdsError `MDS_PORT_BUSY` */
export async function listen(app: App, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') throw error;
    const details = { port, service: 'query', holder: '', variable: 'MDS_HTTP_PORT' };
    throw new MdsError('MDS_PORT_BUSY', details, { cause: error });
  }
}
