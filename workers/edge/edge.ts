// Puts the parts of the edge together and runs its clockwork. Three Redis connections: one for commands, one for the lane
// (nothing else may delay it), one for notices.

import { randomBytes } from 'node:crypto';
import { type HealthServer, startHealthServer } from '../../platform/health.ts';
import type { Authenticator } from '../../platform/identity/authenticator.ts';
import { createAuthenticator } from '../../platform/identity/create-authenticator.ts';
import type { ProcessContext, RunningProcess } from '../../platform/lifecycle.ts';
import { startManagement } from '../../platform/management/management-agent.ts';
import { connectRedis, type Redis } from '../../platform/redis.ts';
import { RedisClock } from '../../platform/redis-clock.ts';
import { auditKeys } from '../../schemas/audit.ts';
import { connectionKeys } from '../../schemas/connection-control.ts';
import { type EdgeHeartbeat, HEARTBEAT_INTERVAL_MS, type RedisKeys, redisKeys } from '../../schemas/coordination.ts';
import { edgeControlKeys } from '../../schemas/edge-control.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { DeliveryAudit } from './audit/delivery-audit.ts';
import { Catalog } from './catalog.ts';
import { CatalogReader } from './catalog-reader.ts';
import type { EdgeConfig } from './config.ts';
import { liveConnectionLimits } from './connection-limits.ts';
import { Connections } from './connections.ts';
import { Delivery } from './delivery.ts';
import type { DeliveryLimits } from './delivery-options.ts';
import { drainConnections } from './drain.ts';
import { DurableTelemetry } from './durable/durable-telemetry.ts';
import { DURABLE_TICK_MS, Durables } from './durable/durables.ts';
import { EdgeControl } from './edge-control.ts';
import { Evacuation } from './evacuation/evacuation.ts';
import { FlushPacer } from './flush-pacer.ts';
import { deleteHeartbeat, type HeartbeatIdentity, heartbeatOf, otherEdges, writeHeartbeat } from './heartbeat.ts';
import { type HttpParts, httpDoor } from './http/http-parts.ts';
import { ConnectionDesk } from './inspection/connection-desk.ts';
import { InterestRegister } from './interest-register.ts';
import { LaneReader } from './lane-reader.ts';
import { isOriginAllowed } from './origin-check.ts';
import { Outgoing } from './outgoing.ts';
import { overflowContext } from './overflow/overflow-context.ts';
import { OverflowDoor } from './overflow/overflow-door.ts';
import type { OverflowLimits } from './overflow/overflow-subscription.ts';
import { OverflowTelemetry } from './overflow/overflow-telemetry.ts';
import { WaitingMemory } from './overflow/waiting-events.ts';
import { RedisInterestStore } from './redis-interest-store.ts';
import { RepairLog } from './repair/repair-log.ts';
import { ReplayClient } from './replay-client.ts';
import { pushReplayRequest } from './replay-queue.ts';
import { SlowClients } from './slow-clients.ts';
import { STREAM_PATH } from './stream-path.ts';
import { SubscriptionDoor } from './subscription-door.ts';
import { type Levels, Telemetry } from './telemetry.ts';
import type { TenantRates } from './tenants/tenant-account.ts';
import { TenantAccounts } from './tenants/tenant-accounts.ts';
import { Turns } from './tenants/turns.ts';
import { UsageExchange } from './tenants/usage-exchange.ts';
import { startWebSocketServer, type WebSocketServer } from './websocket-server.ts';

type Context = ProcessContext<EdgeConfig>;

/** 100 ms: the resolution of join timeouts, lingering and position frames. */
const TICK_MS = 100;
/** 50 ms: a lane that starves is noticed within a second, probes included. */
const LANE_TICK_MS = 50;
/** The catalog is also read without a notice, since a notice can get lost. */
const CATALOG_INTERVAL_MS = 2000;
/** How far quotas may be exceeded in all follows from this: by what edges give in one interval. */
const USAGE_INTERVAL_MS = 1000;
const MAX_REPLAY_TRIES = 3;
/** There is one tenant while authentication is off, and nobody to be protected from it. */
const OPEN_RATES: TenantRates = { connectsPerSecond: 1e9, subscribesPerSecond: 1e9 };
/** Silence and stalls of event streams are counted in many seconds. */
const HTTP_TICK_MS = 1000;

export async function startEdge(context: Context): Promise<RunningProcess> {
  const { config, metrics, health } = context;
  const http = await startHealthServer({ host: config.host, port: config.httpPort, health, metrics });
  const redis = await connectAll(context);
  const authenticator = await createAuthenticator(context);
  const parts = assemble(context, redis, authenticator);
  await parts.lane.start(redis.lane);
  await parts.catalogReader.start(redis.notices);
  await parts.durables.start(redis.notices);
  await parts.desk.start(redis.notices);
  const management = await startManagement({ ...context, ...config, processId: parts.edgeId, redis: redis.commands });
  const server = await startWebSocketServer({
    host: config.host,
    port: config.edgePort,
    maxMessageBytes: config.edgeMaxMessageBytes,
    idleTimeoutMs: config.edgeIdleTimeoutMs,
    isOriginAllowed: (origin) => isOriginAllowed(origin, config.edgeAllowedOrigins),
    compresses: config.edgeCompression,
    mayConnect: (address) => parts.connections.mayConnect(address),
    accept: (socket, format, credential) => parts.connections.accept(socket, format, credential),
    onRequest: (response, request) => parts.http.door.handle(response, request),
  });
  const clockwork = new Clockwork(context, redis.commands, parts, identityOf(config, parts.edgeId, http, server));
  await clockwork.start();
  return {
    async stop() {
      await clockwork.drain();
      parts.http.endLingering();
      server.close();
      await clockwork.stop();
      await management.stop();
      await authenticator.stop();
      for (const connection of Object.values(redis)) connection.disconnect();
      await http.close();
    },
  };
}

interface Connected {
  readonly commands: Redis;
  readonly lane: Redis;
  readonly notices: Redis;
}

async function connectAll({ config, log, health, signal }: Context): Promise<Connected> {
  const options = { log, signal, health, connectTimeoutMs: config.connectTimeoutMs };
  return {
    commands: await connectRedis(config.redisUrl, { ...options, name: 'commands' }),
    lane: await connectRedis(config.redisUrl, { ...options, name: 'lane' }),
    notices: await connectRedis(config.redisUrl, { ...options, name: 'notices' }),
  };
}

interface Parts {
  readonly edgeId: string;
  readonly keys: RedisKeys;
  readonly telemetry: Telemetry;
  readonly replays: ReplayClient;
  readonly interest: InterestRegister;
  readonly delivery: Delivery;
  readonly audit: DeliveryAudit;
  readonly lane: LaneReader;
  readonly catalogReader: CatalogReader;
  readonly durables: Durables;
  readonly connections: Connections;
  readonly http: HttpParts;
  readonly accounts: TenantAccounts;
  readonly turns: Turns;
  readonly usage: UsageExchange;
  readonly evacuation: Evacuation;
  readonly control: EdgeControl;
  readonly desk: ConnectionDesk;
}

function assemble(
  { config, log, metrics, health, errors, settings }: Context,
  { commands }: Connected,
  authenticator: Authenticator,
): Parts {
  // New at every start, whatever the name: workers must never take this process for its predecessor.
  const edgeId = `${config.processId}-${randomBytes(3).toString('hex')}`;
  const keys = redisKeys(config.redisPrefix);
  const now = (): number => Date.now();
  const telemetry = new Telemetry(metrics, now, errors);
  const catalog = new Catalog();
  const clock = new RedisClock(commands);
  clock.start();
  const replays = new ReplayClient({
    edgeId,
    push: (request) => void pushReplayRequest(commands, keys, log, request),
    maxOutstanding: config.edgeReplaysOutstanding,
    answerTimeoutMs: config.edgeReplayTimeoutMs,
    maxBytes: config.edgeReplayBytes,
    later: queueMicrotask,
    now,
    sharedNow: () => clock.nowMs(),
  });
  const store = new RedisInterestStore(commands);
  const interest = new InterestRegister({ edgeId, keys, store, log, all: () => delivery.interests() });
  commands.on('ready', () => interest.writeAll());
  interest.writeAll();
  const limits = deliveryLimits(config);
  const outgoing = new Outgoing();
  const pacer = new FlushPacer();
  const repairLog = new RepairLog(log, now);
  const delivery = new Delivery({
    topics: catalog,
    interest,
    replays,
    limits,
    observer: telemetry,
    onRepair: (topic, event) => {
      telemetry.onRepair(event);
      repairLog.note(topic, event);
    },
    now,
    writeAll: () => outgoing.writeAll(),
    whenIdle: (flush) => pacer.plan(flush),
  });
  const slowClients = new SlowClients();
  const memory = new WaitingMemory(config.edgeLatestTotalBytes);
  const overflowTelemetry = new OverflowTelemetry(metrics, slowClients, memory);
  const overflow = overflowContext(overflowLimits(config, limits), memory, overflowTelemetry, slowClients);
  const lane = new LaneReader({
    lane: keys.lane(edgeId),
    log,
    onEnvelope: (envelope) => delivery.onEnvelope(envelope),
    onCorrupt: () => {
      telemetry.onCorrupt();
      delivery.onLaneDisturbed();
    },
    onSubscribed: () => delivery.onLaneDisturbed(),
    onReconnect: (reason) => telemetry.onLaneReconnect(reason),
    commands,
    now: () => performance.now(),
  });
  const audit = new DeliveryAudit({
    edgeId,
    delivery,
    topics: () => catalog.topics,
    redis: commands,
    keys: auditKeys(config.redisPrefix),
    intervalMs: config.edgeAuditIntervalMs,
    log,
    now,
  });
  const onChange = (): void => delivery.onCatalog(catalog.topics);
  const catalogReader = new CatalogReader({ catalog, redis: commands, keys, health, log, onChange });
  const durables = new Durables({
    edgeId,
    redis: commands,
    prefix: config.redisPrefix,
    catalog,
    lookAnew: () => catalogReader.lookAnew(),
    delivery,
    replays,
    telemetry: new DurableTelemetry(metrics),
    limits: {
      lowWaterBytes: limits.lowWaterBytes,
      frameBytes: limits.frameBytes,
      maxInFlightBytes: config.edgeDurableInFlightBytes,
      maxBacklogBytes: config.edgeDurableBacklogBytes,
    },
    log,
  });
  const door = new SubscriptionDoor({
    delivery,
    overflow: new OverflowDoor(delivery, catalog, overflow),
    consume: (client, message) => durables.consume(client, message),
    lookAnew: () => catalogReader.lookAnew(),
  });
  const turns = new Turns({
    now: () => performance.now(),
    later: (delayMs, run) => void setTimeout(run, delayMs),
    ...(authenticator.isOn ? {} : { workMs: Number.POSITIVE_INFINITY }),
  });
  const accounts = new TenantAccounts({
    rates: authenticator.isOn ? tenantRates(config) : OPEN_RATES,
    quotasOf: (tenant) => authenticator.quotasOf(tenant),
    now: () => performance.now(),
  });
  const usage = new UsageExchange({
    edgeId,
    redis: commands,
    prefix: config.redisPrefix,
    accounts,
    log,
    sharedNow: () => clock.nowMs(),
  });
  const connections = new Connections({
    edgeId,
    limits: liveConnectionLimits(config, settings),
    errors,
    guestLimits: {
      withinMs: config.edgeAuthTimeoutMs,
      guests: config.edgeMaxUnauthenticated,
      guestsPerAddress: config.edgeMaxUnauthenticatedPerAddress,
    },
    addressLimits: {
      connectsPerSecond: config.edgeConnectsPerSecondPerAddress,
      connections: config.edgeConnectionsPerAddress,
    },
    heartbeatMs: config.edgeIdleTimeoutMs,
    authenticator,
    accounts,
    turns,
    door,
    outgoing,
    telemetry,
    slowClients,
    log,
  });
  const http = httpDoor({
    config,
    edgeId,
    redis: commands,
    authenticator,
    delivery,
    lookAnew: () => catalogReader.lookAnew(),
    door,
    connections,
    accounts,
    turns,
    outgoing,
    slowClients,
    telemetry,
    metrics,
    errors,
    log,
  });
  const evacuation = new Evacuation({
    connections,
    now,
    onChange: (evacuating) => log.info({ evacuating }, evacuating ? 'evacuating' : 'evacuation called off'),
  });
  const controlKeys = edgeControlKeys(config.redisPrefix);
  const control = new EdgeControl({
    edgeId,
    redis: commands,
    keys,
    controlKeys,
    evacuation,
    slowClients,
    overflowTelemetry,
    log,
    now,
  });
  const desk = new ConnectionDesk({
    edgeId,
    connections: connections.open,
    slownessOf: (connection) => slowClients.slownessOf(connection),
    commands,
    keys: connectionKeys(config.redisPrefix),
    log,
  });
  return {
    edgeId,
    keys,
    telemetry,
    replays,
    interest,
    delivery,
    audit,
    lane,
    catalogReader,
    durables,
    connections,
    http,
    accounts,
    turns,
    usage,
    evacuation,
    control,
    desk,
  };
}

/** What happens again and again, and the way out. */
class Clockwork {
  readonly #context: Context;
  readonly #redis: Redis;
  readonly #parts: Parts;
  readonly #identity: HeartbeatIdentity;
  #isStopping = false;
  #timers: readonly NodeJS.Timeout[] = [];

  constructor(context: Context, redis: Redis, parts: Parts, identity: HeartbeatIdentity) {
    this.#context = context;
    this.#redis = redis;
    this.#parts = parts;
    this.#identity = identity;
  }

  async start(): Promise<void> {
    await this.#beat();
    this.#timers = [
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#parts.lane.tick(), LANE_TICK_MS),
      setInterval(() => void this.#beat(), HEARTBEAT_INTERVAL_MS),
      setInterval(() => void this.#parts.catalogReader.read(), CATALOG_INTERVAL_MS),
      setInterval(() => this.#parts.durables.tick(), DURABLE_TICK_MS),
      setInterval(() => this.#parts.http.tick(), HTTP_TICK_MS),
      setInterval(() => void this.#parts.usage.beat(), USAGE_INTERVAL_MS),
    ];
    this.#context.log.info(this.#identity, 'edge started');
  }

  async drain(): Promise<void> {
    const { log } = this.#context;
    const { connections, edgeId, keys } = this.#parts;
    this.#isStopping = true;
    this.#parts.evacuation.stop();
    connections.startDraining();
    let edges: readonly string[] = [];
    try {
      await this.#beat();
      edges = (await otherEdges(this.#redis, keys, edgeId, log)).map(({ clientUrl }) => clientUrl);
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'clients cannot be told of other edges');
    }
    log.info({ connections: connections.open.size, edges: edges.length }, 'draining');
    await drainConnections(connections.open, edges);
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#parts.durables.settled();
    const { interest, keys, edgeId } = this.#parts;
    try {
      await interest.withdraw();
      await deleteHeartbeat(this.#redis, keys, edgeId);
    } catch (error) {
      this.#context.log.warn({ reason: reasonOf(error) }, 'could not sign off in Redis; the keys expire by themselves');
    }
  }

  #tick(): void {
    const { delivery, lane, accounts, connections } = this.#parts;
    delivery.tick();
    for (const tenant of accounts.tick()) delivery.suspend(tenant);
    connections.tick();
    this.#parts.control.tick();
    this.#parts.audit.tick();
    const silent = delivery.silentTopics();
    // A lane on which only the workers are silent is left alone: another connection would not make them speak.
    const reason = lane.isAlive ? `nothing is heard of ${silent.join(', ')}` : 'nothing arrives on it';
    this.#context.health.setReady('lane', silent.length === 0 && lane.isAlive, reason);
  }

  async #beat(): Promise<void> {
    const { telemetry, keys, interest } = this.#parts;
    const levels = this.#levels();
    telemetry.setLevels(levels);
    this.#parts.durables.setLevels();
    telemetry.setHeldBytes(this.#parts.delivery.repairHeldBytes);
    try {
      await writeHeartbeat(this.#redis, keys, this.#heartbeat(levels));
      await interest.refresh();
      await this.#parts.control.beat();
    } catch (error) {
      // The connection's own log line and readiness say that Redis is away; clients stay, the next beat tries again.
      this.#context.log.debug({ reason: reasonOf(error) }, 'no heartbeat');
    }
  }

  #heartbeat(levels: Levels): EdgeHeartbeat {
    const { telemetry, evacuation } = this.#parts;
    const state = this.#isStopping || evacuation.isActive ? 'draining' : 'running';
    const { reasons } = this.#context.health.readiness();
    return heartbeatOf(this.#identity, state, levels, telemetry.summary(), evacuation.progress, reasons);
  }

  #levels(): Levels {
    const { connections, delivery, replays, turns, accounts } = this.#parts;
    return {
      connections: connections.open.size,
      subscriptions: delivery.subscriptionCount,
      channels: delivery.channelCount,
      joining: delivery.joiningCount,
      replaysOutstanding: replays.outstandingCount,
      replaysWaiting: replays.waitingCount,
      repairs: delivery.repairCount,
      unauthenticated: connections.guestCount,
      waitingForTurn: turns.waitingCount,
      throttledTenants: accounts.throttledCount,
    };
  }
}

const tenantRates = (config: EdgeConfig): TenantRates => ({
  connectsPerSecond: config.edgeConnectsPerSecondPerTenant,
  subscribesPerSecond: config.edgeSubscribesPerSecondPerTenant,
});

const overflowLimits = (config: EdgeConfig, { lowWaterBytes, frameBytes }: DeliveryLimits): OverflowLimits => ({
  bytes: config.edgeLatestBytes,
  events: config.edgeLatestEvents,
  lowWaterBytes,
  frameBytes,
});

const deliveryLimits = (config: EdgeConfig): DeliveryLimits => ({
  joinTimeoutMs: config.edgeJoinTimeoutMs,
  lingerMs: config.edgeLingerMs,
  positionIntervalMs: config.edgePositionIntervalMs,
  frameBytes: config.edgeFrameBytes,
  // A piece of a replay on top of this must stay below the limit at which the client counts as slow.
  lowWaterBytes: Math.floor(config.edgeMaxBufferedBytes / 4),
  holdBytes: config.edgeHoldBytes,
  catchUpTimeoutMs: config.edgeCatchUpTimeoutMs,
  maxTries: MAX_REPLAY_TRIES,
  repairHoldBytes: config.edgeRepairHoldBytes,
  repairTries: config.edgeRepairTries,
  repairBytes: config.edgeRepairBytes,
});

function identityOf(
  config: EdgeConfig,
  edgeId: string,
  http: HealthServer,
  server: WebSocketServer,
): HeartbeatIdentity {
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    edgeId,
    httpUrl: `http://${host}:${http.port}`,
    clientUrl: config.edgeClientUrl || `ws://${host}:${server.port}${STREAM_PATH}`,
    startedAtMs: Date.now(),
  };
}
