// The parts of one edge, and what each of them needs of the others. Nothing runs here by itself: see clockwork.ts.

import { randomBytes } from 'node:crypto';
import type { Authenticator } from '../../platform/identity/authenticator.ts';
import type { ProcessContext } from '../../platform/lifecycle.ts';
import type { Redis } from '../../platform/redis.ts';
import { RedisClock } from '../../platform/redis-clock.ts';
import { auditKeys } from '../../schemas/audit.ts';
import { connectionKeys } from '../../schemas/connection-control.ts';
import { type RedisKeys, redisKeys } from '../../schemas/coordination.ts';
import { edgeControlKeys } from '../../schemas/edge-control.ts';
import { DeliveryAudit } from './audit/delivery-audit.ts';
import { Catalog } from './catalog.ts';
import { CatalogReader } from './catalog-reader.ts';
import type { EdgeConfig } from './config.ts';
import { liveConnectionLimits } from './connection-limits.ts';
import { Connections } from './connections.ts';
import { Delivery } from './delivery.ts';
import type { DeliveryLimits } from './delivery-options.ts';
import { DurableTelemetry } from './durable/durable-telemetry.ts';
import { Durables } from './durable/durables.ts';
import { EdgeControl } from './edge-control.ts';
import { Evacuation } from './evacuation/evacuation.ts';
import { FlushPacer } from './flush-pacer.ts';
import { type HttpParts, httpDoor } from './http/http-parts.ts';
import { ConnectionDesk } from './inspection/connection-desk.ts';
import { InterestRegister } from './interest-register.ts';
import { LaneReader } from './lane-reader.ts';
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
import { SubscriptionDoor } from './subscription-door.ts';
import { Telemetry } from './telemetry.ts';
import type { TenantRates } from './tenants/tenant-account.ts';
import { TenantAccounts } from './tenants/tenant-accounts.ts';
import { Turns } from './tenants/turns.ts';
import { UsageExchange } from './tenants/usage-exchange.ts';

/** There is one tenant while authentication is off, and nobody to be protected from it. */
const OPEN_RATES: TenantRates = { connectsPerSecond: 1e9, subscribesPerSecond: 1e9 };
const MAX_REPLAY_TRIES = 3;

export interface RedisConnections {
  readonly commands: Redis;
  readonly lane: Redis;
  readonly notices: Redis;
}

export interface EdgeParts {
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

export function assembleEdge(
  { config, log, metrics, health, errors, settings }: ProcessContext<EdgeConfig>,
  { commands }: RedisConnections,
  authenticator: Authenticator,
): EdgeParts {
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
