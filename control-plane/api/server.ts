// The REST API, its documentation, health and the page on one HTTP server.

import { randomUUID } from 'node:crypto';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { Health } from '../../platform/health.ts';
import { addHealthRoutes } from '../../platform/http-door/health-routes.ts';
import { type HttpServerSettings, httpServerOptions } from '../../platform/http-door/http-server.ts';
import { type DoorSettings, openDoor } from '../../platform/http-door/open-door.ts';
import type { Authenticator } from '../../platform/identity/authenticator.ts';
import type { Logger } from '../../platform/log.ts';
import type { ErrorBook } from '../../platform/management/error-book.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { noRoute, problemOf, problemOfThrown } from '../../platform/problem-details.ts';
import type { Redis } from '../../platform/redis.ts';
import { measureRequests } from '../../platform/rest-app.ts';
import { PROBLEM_CONTENT_TYPE, Problem } from '../../schemas/api/problem.ts';
import type { RedisKeys } from '../../schemas/coordination.ts';
import { durableKeys } from '../../schemas/durable.ts';
import { edgeControlKeys } from '../../schemas/edge-control.ts';
import { MdsError } from '../../schemas/errors.ts';
import { managementKeys } from '../../schemas/management.ts';
import { routeKeys } from '../../schemas/route.ts';
import { auditing } from '../audit/auditing.ts';
import type { ConnectionDirectory } from '../connections/connection-directory.ts';
import type { DeadLetterService } from '../dead-letters/dead-letter-service.ts';
import { SubscriptionService } from '../durable/subscription-service.ts';
import { ErrorReader } from '../errors/error-reader.ts';
import type { Explanations } from '../explain/explanations.ts';
import type { HealthWatch } from '../health/health-watch.ts';
import type { IdentityServices } from '../identity/identity-services.ts';
import type { ConfigurationService } from '../settings/configuration-service.ts';
import type { StatusReader } from '../status/status-reader.ts';
import { isDeadLetter } from '../store/dead-letters.ts';
import type { Queryable, Transact } from '../store/queryable.ts';
import type { KafkaTopics } from '../topics/ports.ts';
import type { TopicService } from '../topics/topic-service.ts';
import type { EventSearch } from '../why/event-search.ts';
import type { EventPlace } from '../why/verdict.ts';
import { WhyReader } from '../why/why-reader.ts';
import type { App } from './app.ts';
import { registerDocumentation } from './documentation.ts';
import { PAGE_NOT_BUILT, registerPage } from './page.ts';
import { auditRoutes } from './routes/audit.ts';
import { configurationRoutes } from './routes/configuration.ts';
import { connectionRoutes } from './routes/connections.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { edgeRoutes } from './routes/edges.ts';
import { errorRoutes } from './routes/errors.ts';
import { filterRoutes } from './routes/filters.ts';
import { distributionHealthRoutes } from './routes/health.ts';
import { issuerRoutes } from './routes/issuers.ts';
import { keyRoutes } from './routes/keys.ts';
import { ledgerRoutes } from './routes/ledger.ts';
import { rollupRoutes } from './routes/rollups.ts';
import { schemaRoutes, type WriterSchemas } from './routes/schemas.ts';
import { statusRoutes } from './routes/status.ts';
import { subscriptionRoutes } from './routes/subscriptions.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { type TopicManagement, topicManagementRoutes } from './routes/topic-management.ts';
import { topicRouteRoutes } from './routes/topic-routes.ts';
import { topicRoutes } from './routes/topics.ts';
import { whyRoutes } from './routes/why.ts';
import { workerRoutes } from './routes/workers.ts';
import { compileValidator } from './validator.ts';

const REQUEST_BUCKETS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

export interface ServerParts {
  readonly db: Queryable;
  readonly transact: Transact;
  readonly authenticator: Authenticator;
  /** Of limits that all processes share; null: this one counts alone. */
  readonly limits: Redis | null;
  readonly settings: DoorSettings & HttpServerSettings;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** Separates installations that share a Redis. */
  readonly redisPrefix: string;
  readonly topics: TopicService;
  readonly topicManagement: TopicManagement;
  readonly kafka: KafkaTopics;
  /** What a leader tells others has changed. */
  readonly onChange: () => void;
  readonly connections: ConnectionDirectory;
  readonly deadLetters: DeadLetterService;
  readonly explanations: Pick<Explanations, 'ask'>;
  /** Looks at events in Kafka. */
  readonly search: Pick<EventSearch, 'search'>;
  readonly schemas: WriterSchemas;
  readonly status: StatusReader;
  readonly configuration: ConfigurationService;
  /** Counts what callers were told went wrong. */
  readonly errors: ErrorBook;
  readonly healthWatch: Pick<HealthWatch, 'health'>;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly version: string;
  readonly pageDir: string;
  readonly pageEdges: readonly string[];
  readonly identities: IdentityServices;
}

/** @returns ready to listen, or to be tested with `inject` */
export async function buildServer(parts: ServerParts): Promise<App> {
  const { db, transact, authenticator, redis, keys, topics, status, log } = parts;
  const app: App = fastify({
    ...httpServerOptions(parts.settings),
    // a path that cannot be read, or is too long: no error handler is asked about those
    frameworkErrors: (error, request, reply) => sendProblemOfThrown(log, error, request, reply),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler((thrown, request, reply) => {
    if (thrown instanceof MdsError) parts.errors.record(thrown, { tenant: request.knownIdentity?.tenant ?? '' });
    sendProblemOfThrown(log, thrown, request, reply);
  });
  app.setNotFoundHandler(sendNotFound);
  measureRequests(app, parts.metrics, REQUEST_BUCKETS_SECONDS);
  const { settings, redisPrefix } = parts;
  await openDoor(app, { authenticator, settings, redis: parts.limits, redisPrefix, publicReads: isOfPages });
  await app.register(auditing, { db, transact, log });
  app.addSchema(Problem);
  await registerDocumentation(app, parts.version);
  topicRoutes(app, db, topics, authenticator);
  topicManagementRoutes(app, topics, parts.topicManagement);
  rollupRoutes(app, db, topics);
  const durables = durableKeys(parts.redisPrefix);
  const subscriptions = new SubscriptionService({ ...parts, keys: durables });
  subscriptionRoutes(app, db, subscriptions, authenticator);
  ledgerRoutes(app, subscriptions, { db, redis, keys: durables, now: Date.now });
  const isDead = (subscriptionId: string, place: EventPlace) => isDeadLetter(db, subscriptionId, place);
  const { search, kafka } = parts;
  whyRoutes(app, subscriptions, topics, new WhyReader({ search, redis, keys: durables, kafka, isDeadLetter: isDead }));
  deadLetterRoutes(app, db, parts.deadLetters);
  topicRouteRoutes(app, { ...parts, keys: routeKeys(parts.redisPrefix) });
  filterRoutes(app, topics, parts.explanations);
  schemaRoutes(app, db, parts.schemas);
  statusRoutes(app, status, redis, keys);
  edgeRoutes(app, { redis, keys, controlKeys: edgeControlKeys(parts.redisPrefix) });
  workerRoutes(app, parts);
  connectionRoutes(app, parts.connections);
  distributionHealthRoutes(app, parts.healthWatch);
  errorRoutes(app, new ErrorReader(redis, managementKeys(parts.redisPrefix)));
  configurationRoutes(app, parts.configuration);
  auditRoutes(app, db);
  const { identities } = parts;
  tenantRoutes(app, { db, publish: () => identities.publish() });
  keyRoutes(app, identities.keys);
  issuerRoutes(app, db, identities.issuers);
  addHealthRoutes(app, parts.health, parts.metrics);
  await registerPage(app, parts.pageDir, parts.pageEdges);
  await app.ready();
  return app;
}

/** Routes of plugins: the documentation, and the files of the page. */
const isOfPages = (url: string): boolean => url.startsWith('/docs') || url === '/*' || url === '/';

function sendProblemOfThrown(log: Logger, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOfThrown(thrown, (err) => {
    const reference = randomUUID();
    log.error({ err, reference, method: request.method, route: request.routeOptions.url }, 'a request met a bug');
    return reference;
  });
  request.problemCode = problem.code;
  send(reply, problem);
}

function sendNotFound(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?')[0] ?? '/';
  if (request.method === 'GET' && (path === '/' || path === '/index.html')) {
    reply.code(404).type('text/plain; charset=utf-8').send(PAGE_NOT_BUILT);
    return;
  }
  send(reply, problemOf(noRoute(request.method, path)));
}

function send(reply: FastifyReply, problem: Problem): void {
  reply.code(problem.status).type(PROBLEM_CONTENT_TYPE).serializer(JSON.stringify).send(problem);
}
