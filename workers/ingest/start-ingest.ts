// The ingest door put together: HTTP in, Kafka out. Stateless: any number of them may run.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { answerHealth, HEALTH_PATHS } from '../../platform/health.ts';
import { HTTP_SERVER_OPTIONS, limitConnections } from '../../platform/http-limits.ts';
import { createProducer } from '../../platform/kafka.ts';
import type { ProcessContext, RunningProcess } from '../../platform/lifecycle.ts';
import { startManagement } from '../../platform/management/management-agent.ts';
import { problemOf, problemOfThrown } from '../../platform/problem-details.ts';
import { connectRedis } from '../../platform/redis.ts';
import { PROBLEM_CONTENT_TYPE, type Problem } from '../../schemas/api/problem.ts';
import { redisKeys } from '../../schemas/coordination.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { IngestConfig } from './config.ts';
import { DedupeWindow } from './dedupe-window.ts';
import { EventSearch } from './event-search.ts';
import { Ingest } from './ingest.ts';
import { TopicReaders } from './topic-readers.ts';

/** Below the lease of a claim by far: after this a record is in Kafka or never will be. */
const PRODUCE_TIMEOUT_MS = 10_000;
/** The only tenant there is while callers are not authenticated. */
const TENANT = 'default';
const MEDIA_TYPES = { array: 'application/json', lines: 'application/x-ndjson' } as const;

export async function startIngest(context: ProcessContext<IngestConfig>): Promise<RunningProcess> {
  const { config, log, health, metrics, signal, errors } = context;
  const common = { log, health, signal, connectTimeoutMs: config.connectTimeoutMs };
  const [redis, notices, producer] = await Promise.all([
    connectRedis(config.redisUrl, { ...common, name: 'window' }),
    connectRedis(config.redisUrl, { ...common, name: 'notices' }),
    createProducer({ ...common, brokers: config.kafkaBrokers, name: 'ingest', deliveryTimeoutMs: PRODUCE_TIMEOUT_MS }),
  ]);
  const keys = redisKeys(config.redisPrefix);
  const topics = new TopicReaders({ redis, keys, log, maxEvents: config.ingestRequestEvents });
  await topics.start(notices);
  const management = await startManagement({ ...context, ...config, redis });
  const search = new EventSearch(config.kafkaBrokers, log);
  const window = new DedupeWindow(redis, config.redisPrefix, config.ingestDedupeWindowMs);
  const ingest = new Ingest({ window, search, producer, log, now: () => performance.now() });
  const outcomes = metrics.counter('events_total', 'Events by what became of them', ['status']);
  let inFlight = 0;

  const app = fastify({
    bodyLimit: config.ingestBodyBytes,
    forceCloseConnections: true,
    requestTimeout: HTTP_SERVER_OPTIONS.requestTimeout, // Fastify's own default is none
    http: HTTP_SERVER_OPTIONS,
  }).withTypeProvider<TypeBoxTypeProvider>();
  limitConnections(app.server);
  app.removeAllContentTypeParsers();
  for (const type of Object.values(MEDIA_TYPES)) {
    app.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => done(null, body));
  }
  app.setErrorHandler((thrown, request, reply) => {
    const reportBug = (err: unknown): string => {
      log.error({ err, reference: request.id }, 'a request met a bug');
      return request.id;
    };
    if (thrown instanceof MdsError) errors.record(thrown);
    send(reply, problemOfThrown(thrown, reportBug));
  });
  app.setNotFoundHandler((request, reply) => {
    send(reply, problemOf(new MdsError('MDS_NO_ROUTE', { method: request.method, path: request.url.split('?')[0] })));
  });
  app.post(
    '/v1/topics/:topic/events',
    { schema: { params: Type.Object({ topic: Type.String() }) } },
    async ({ params, body, headers }) => {
      const limit = config.ingestInFlightRequests;
      if (inFlight >= limit) throw new MdsError('MDS_INGEST_BUSY', { limit });
      inFlight += 1;
      try {
        const { topic, reader } = topics.named(TENANT, params.topic);
        const form = headers['content-type']?.startsWith(MEDIA_TYPES.lines) ? 'lines' : 'array';
        const answer = await ingest.take(topic, reader.read(String(body ?? ''), form));
        outcomes.inc({ status: 'accepted' }, answer.accepted);
        outcomes.inc({ status: 'duplicate' }, answer.duplicates);
        outcomes.inc({ status: 'rejected' }, answer.rejected);
        outcomes.inc({ status: 'failed' }, answer.failed);
        return answer;
      } finally {
        inFlight -= 1;
      }
    },
  );
  for (const path of HEALTH_PATHS) {
    app.get(path, async (_request, reply) => {
      const answer = await answerHealth(path, health, metrics);
      if (answer === null) return reply.callNotFound();
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
    });
  }
  await listen(() => app.listen({ host: config.host, port: config.httpPort }), config.httpPort);
  log.info({ addresses: app.addresses() }, 'ingest door open');
  return {
    stop: async () => {
      await app.close();
      topics.stop();
      await management.stop();
      await search.close();
      await producer.disconnect();
      redis.disconnect();
      notices.disconnect();
    },
  };
}

function send(reply: FastifyReply, problem: Problem): void {
  reply.code(problem.status).type(PROBLEM_CONTENT_TYPE).send(JSON.stringify(problem));
}

async function listen(begin: () => Promise<unknown>, port: number): Promise<void> {
  try {
    await begin();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') throw error;
    const details = { port, service: 'ingest', holder: '', variable: 'MDS_HTTP_PORT' };
    throw new MdsError('MDS_PORT_BUSY', details, { cause: error });
  }
}
