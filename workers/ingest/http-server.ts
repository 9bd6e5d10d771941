// The doors over HTTP. Before a byte of a body is read it is known who sends it (platform/http-door), to which topic, that they
// may, and that there is room; then the body is uncompressed within its limit and the door has it.

import type { IncomingMessage } from 'node:http';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Health } from '../../platform/health.ts';
import { GRANT } from '../../platform/http-door/access.ts';
import { addHealthRoutes } from '../../platform/http-door/health-routes.ts';
import { httpServerOptions } from '../../platform/http-door/http-server.ts';
import { openDoor } from '../../platform/http-door/open-door.ts';
import type { Authenticator } from '../../platform/identity/authenticator.ts';
import type { Logger } from '../../platform/log.ts';
import type { ErrorBook } from '../../platform/management/error-book.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { noRoute, problemOf, problemOfThrown } from '../../platform/problem-details.ts';
import type { Redis } from '../../platform/redis.ts';
import { PROBLEM_CONTENT_TYPE, type Problem } from '../../schemas/api/problem.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { Admission, Admitted } from './admission.ts';
import { uncompressed } from './body.ts';
import type { IngestConfig } from './config.ts';
import type { Door, DoorAnswer } from './doors/door.ts';
import type { EventQuota } from './event-quota.ts';
import type { Intake } from './intake.ts';

export interface HttpServerOptions {
  readonly config: IngestConfig;
  readonly doors: readonly Door[];
  readonly authenticator: Authenticator;
  readonly redis: Redis;
  readonly admission: Admission;
  readonly intake: Intake;
  readonly quota: EventQuota;
  readonly errors: ErrorBook;
  readonly log: Logger;
  readonly health: Health;
  readonly metrics: Metrics;
}

/** Long enough for what fills a door to have gone, short enough that nobody's queue grows for it. */
const RETRY_AFTER_S = 1;
const MICROS_PER_MS = 1000;

export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const { config, authenticator, redis, errors, log } = options;
  const { ingestBodyBytes: bodyLimitBytes, httpTrustedProxies } = config;
  const app: FastifyInstance = fastify(httpServerOptions({ bodyLimitBytes, httpTrustedProxies }));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const problemIn = (thrown: unknown, id: string, tenant: string): Problem => {
    if (thrown instanceof MdsError) errors.record(thrown, { tenant });
    return problemOfThrown(thrown, (err) => {
      log.error({ err, reference: id }, 'a request met a bug');
      return id;
    });
  };
  app.setErrorHandler((thrown, request, reply) => {
    sendProblem(reply, problemIn(thrown, request.id, request.knownIdentity?.tenant ?? ''));
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = '/'] = request.url.split('?');
    sendProblem(reply, problemOf(noRoute(request.method, path)));
  });
  const settings = {
    ...config,
    limitWritesPerTenant: config.ingestRequestsPerTenant,
    limitWritesPerKey: config.ingestRequestsPerKey,
    limitWritesPerAddress: config.ingestRequestsPerAddress,
  };
  // counted apart from the writes of the REST API
  await openDoor(app, { authenticator, settings, redis, redisPrefix: `${config.redisPrefix}:ingest` });
  for (const door of options.doors) addDoor(app, door, options, problemIn);
  addHealthRoutes(app, options.health, options.metrics);
  return app;
}

function addDoor(
  app: FastifyInstance,
  door: Door,
  { admission, intake, quota, config }: HttpServerOptions,
  problemIn: (thrown: unknown, id: string, tenant: string) => Problem,
): void {
  const admitted = new WeakMap<IncomingMessage, Admitted>();
  app.post<{ Params: { topic: string }; Body: Buffer | undefined }>(door.path, {
    config: { access: GRANT('publish', { param: 'topic' }) },
    onRequest: async ({ raw, params, identity }, reply) => {
      const entry = await admission.admit(identity, params.topic);
      if (reply.raw.destroyed) entry.leave();
      else reply.raw.once('close', entry.leave);
      admitted.set(raw, entry);
    },
    errorHandler: (thrown, { id, headers, knownIdentity }, reply) => {
      const problem = problemIn(thrown, id, knownIdentity?.tenant ?? '');
      if (door.problem) sendAnswer(retryLater(reply, problem), door.problem(problem, mediaTypeOf(headers)));
      else sendProblem(reply, problem);
    },
    handler: async ({ raw, headers, body, identity }, reply) => {
      const known = admitted.get(raw)?.known;
      if (!known) throw new Error('a request came by without having been admitted');
      const encoding = String(headers['content-encoding'] ?? '');
      const limitBytes = config.ingestDecodedBytes;
      const answer = await door.handle({
        reader: known.reader,
        body: await uncompressed(body ?? Buffer.alloc(0), encoding, limitBytes, door.ownEncoding),
        mediaType: mediaTypeOf(headers),
        headers,
        nowMicros: Date.now() * MICROS_PER_MS,
        take: (batch) => intake.take(door.name, known, batch),
        takeObjects: (events) => intake.takeObjects(door.name, known, events),
        writerOf: (schemaId) => intake.writerOf(known.reader, schemaId),
      });
      for (const [name, value] of Object.entries(quota.headers(identity.tenant))) {
        reply.header(name, [reply.getHeader(name), value].filter(Boolean).join(', '));
      }
      if (answer.status === 503) reply.header('retry-after', RETRY_AFTER_S);
      return sendAnswer(reply, answer);
    },
  });
}

const mediaTypeOf = (headers: IncomingMessage['headers']): string =>
  (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return retryLater(reply, problem).code(problem.status).type(PROBLEM_CONTENT_TYPE).send(JSON.stringify(problem));
}

/** Senders that know Retry-After wait, the others have times of their own. */
function retryLater(reply: FastifyReply, problem: Problem): FastifyReply {
  if ((problem.status !== 429 && problem.status !== 503) || reply.hasHeader('retry-after')) return reply;
  const retryAfterMs = 'retryAfterMs' in problem ? problem.retryAfterMs : undefined;
  const seconds = typeof retryAfterMs === 'number' ? Math.ceil(retryAfterMs / 1000) : RETRY_AFTER_S;
  return reply.header('retry-after', Math.max(1, seconds));
}

function sendAnswer(reply: FastifyReply, { status, contentType, body }: DoorAnswer): FastifyReply {
  reply.code(status);
  if (contentType !== undefined) reply.type(contentType);
  return reply.send(typeof body === 'string' ? body : Buffer.from(body));
}
