// Puts the parts of the edge together and runs its clockwork. Three Redis connections: one for commands, one for the lane
// (nothing else may delay it), one for notices.

import { randomBytes } from 'node:crypto';
import { HEARTBEAT_INTERVAL_MS, redisKeys } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { startHealthServer } from '../../platform/health.ts';
import type { ProcessContext, RunningProcess } from '../../platform/lifecycle.ts';
import { connectRedis } from '../../platform/redis.ts';
import { Catalog } from './catalog.ts';
import type { EdgeConfig } from './config.ts';
import { Connections } from './connections.ts';
import { Delivery, type DeliveryLimits } from './delivery.ts';
import { drainConnections } from './drain.ts';
import { deleteHeartbeat, heartbeatOf, otherEdgeUrls, writeHeartbeat } from './heartbeat.ts';
import { InterestRegister } from './interest-register.ts';
import { LaneReader } from './lane-reader.ts';
import { isOriginAllowed } from './origin-check.ts';
import { RedisInterestStore } from './redis-interest-store.ts';
import { ReplayClient } from './replay-client.ts';
import { pushReplayRequest } from './replay-queue.ts';
import { type Levels, Telemetry } from './telemetry.ts';
import { STREAM_PATH, startWebSocketServer } from './websocket-server.ts';

/** 100 ms: the resolution of join timeouts, lingering and position frames. */
const TICK_MS = 100;
/** The catalog is also read without a notice, since a notice can get lost. */
const CATALOG_INTERVAL_MS = 2000;
const MAX_REPLAY_TRIES = 3;

const limitsOf = (config: EdgeConfig): DeliveryLimits => ({
  joinTimeoutMs: config.edgeJoinTimeoutMs,
  lingerMs: config.edgeLingerMs,
  positionIntervalMs: config.edgePositionIntervalMs,
  frameBytes: config.edgeFrameBytes,
  // A piece of a replay on top of this must stay below the limit at which the client counts as slow.
  lowWaterBytes: Math.floor(config.edgeMaxBufferedBytes / 4),
  holdBytes: config.edgeHoldBytes,
  catchUpTimeoutMs: config.edgeCatchUpTimeoutMs,
  maxTries: MAX_REPLAY_TRIES,
});

export async function startEdge(context: ProcessContext<EdgeConfig>): Promise<RunningProcess> {
  const { config, log, metrics, health, signal } = context;
  const http = await startHealthServer({ host: config.host, port: config.httpPort, health, metrics });
  // New at every start, whatever the name: workers must never take this process for its predecessor.
  const edgeId = `${config.processId}-${randomBytes(3).toString('hex')}`;
  const keys = redisKeys(config.redisPrefix);
  const now = (): number => Date.now();
  const connecting = { log, signal, health, connectTimeoutMs: config.connectTimeoutMs };
  let register: InterestRegister | null = null;
  const redis = await connectRedis(config.redisUrl, {
    ...connecting,
    name: 'commands',
    onReady: () => register?.writeAll(),
  });
  const laneRedis = await connectRedis(config.redisUrl, { ...connecting, name: 'lane' });
  const noticeRedis = await connectRedis(config.redisUrl, { ...connecting, name: 'notices' });

  const telemetry = new Telemetry(metrics, now);
  const catalog = new Catalog();
  const replays = new ReplayClient({
    edgeId,
    push: (request) => void pushReplayRequest(redis, keys, log, request),
    maxOutstanding: config.edgeReplaysOutstanding,
    answerTimeoutMs: config.edgeReplayTimeoutMs,
    maxBytes: config.edgeReplayBytes,
    now,
  });
  const interest = new InterestRegister({
    edgeId,
    keys,
    store: new RedisInterestStore(redis),
    log,
    all: () => delivery.interests(),
  });
  register = interest;
  const limits = limitsOf(config);
  const delivery = new Delivery({ topics: catalog, interest, replays, limits, observer: telemetry, now });
  const lane = new LaneReader({
    lane: keys.lane(edgeId),
    log,
    onEnvelope: (envelope) => delivery.onEnvelope(envelope),
    onCorrupt: () => {
      telemetry.onCorrupt();
      delivery.onLaneDisturbed();
    },
    onSubscribed: () => delivery.onLaneDisturbed(),
    now,
  });
  await lane.start(laneRedis);

  let lastCatalogProblem = '';
  const readCatalog = async (): Promise<void> => {
    try {
      if (catalog.update(await redis.hgetall(keys.catalog))) delivery.onCatalog(catalog.topics);
      lastCatalogProblem = '';
    } catch (error) {
      if (reasonOf(error) !== lastCatalogProblem) log.warn({ reason: reasonOf(error) }, 'the catalog cannot be read');
      lastCatalogProblem = reasonOf(error);
    }
    health.setReady('catalog', catalog.topics.size > 0 || lastCatalogProblem === '', lastCatalogProblem);
  };
  noticeRedis.on('message', () => void readCatalog());
  await noticeRedis.subscribe(keys.notifyCatalog);
  await readCatalog();

  const connections = new Connections({
    edgeId,
    maxConnections: config.edgeMaxConnections,
    limits: {
      maxSubscriptions: config.edgeMaxSubscriptions,
      maxMessageBytes: config.edgeMaxMessageBytes,
      messagesPerSecond: config.edgeMessagesPerSecond,
      maxBufferedBytes: config.edgeMaxBufferedBytes,
      reconnectSpreadMs: config.edgeReconnectSpreadMs,
    },
    messageBurst: config.edgeMessageBurst,
    heartbeatMs: config.edgeIdleTimeoutMs,
    delivery,
    telemetry,
    log,
  });
  const server = await startWebSocketServer({
    host: config.host,
    port: config.edgePort,
    maxMessageBytes: config.edgeMaxMessageBytes,
    idleTimeoutMs: config.edgeIdleTimeoutMs,
    isOriginAllowed: (origin) => isOriginAllowed(origin, config.edgeAllowedOrigins),
    accept: (socket) => connections.accept(socket),
  });

  const identity = {
    edgeId,
    httpUrl: `http://${urlHost(config.host)}:${http.port}`,
    clientUrl: config.edgeClientUrl || `ws://${urlHost(config.host)}:${server.port}${STREAM_PATH}`,
    startedAtMs: now(),
  };
  let state: 'running' | 'draining' = 'running';
  const levels = (): Levels => ({
    connections: connections.open.size,
    subscriptions: delivery.subscriptionCount,
    channels: delivery.channelCount,
    joining: delivery.joiningCount,
    replaysOutstanding: replays.outstandingCount,
    replaysWaiting: replays.waitingCount,
  });
  const beat = async (): Promise<void> => {
    telemetry.setLevels(levels());
    try {
      await writeHeartbeat(redis, keys, heartbeatOf(identity, state, levels(), telemetry.summary()));
      await interest.refresh();
    } catch (error) {
      // The connection's own log line and readiness say that Redis is away; clients stay, the next beat tries again.
      log.debug({ reason: reasonOf(error) }, 'no heartbeat');
    }
  };
  const tick = (): void => {
    delivery.tick();
    const silent = delivery.silentTopics();
    health.setReady('lane', silent.length === 0 && lane.isSubscribed, laneReason(silent));
    if (silent.length > 0) lane.checkSilence();
  };
  await beat();
  const timers = [
    setInterval(tick, TICK_MS),
    setInterval(() => void beat(), HEARTBEAT_INTERVAL_MS),
    setInterval(() => void readCatalog(), CATALOG_INTERVAL_MS),
  ];
  log.info({ edgeId, clientUrl: identity.clientUrl, httpUrl: identity.httpUrl }, 'edge started');

  return {
    async stop() {
      state = 'draining';
      connections.startDraining();
      await beat();
      const edges = await otherEdgeUrls(redis, keys, edgeId, log).catch(() => []);
      log.info({ connections: connections.open.size, edges: edges.length }, 'draining');
      await drainConnections(connections.open, edges);
      server.close();
      for (const timer of timers) clearInterval(timer);
      try {
        await interest.withdraw();
        await deleteHeartbeat(redis, keys, edgeId);
      } catch (error) {
        log.warn({ reason: reasonOf(error) }, 'could not sign off in Redis; the keys expire by themselves');
      }
      for (const connection of [redis, laneRedis, noticeRedis]) connection.disconnect();
      await http.close();
    },
  };
}

const urlHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const laneReason = (silent: readonly string[]): string =>
  silent.length === 0 ? 'it is not connected' : `nothing is heard of ${silent.join(', ')}`;
