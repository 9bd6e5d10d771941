// An edge: its real parts, put together as edge.ts does, on simulated connections.

import { EventEmitter } from 'node:events';
import { openAuthenticator } from '../../../platform/identity/authenticator.ts';
import { ErrorBook } from '../../../platform/management/error-book.ts';
import { RedisClock } from '../../../platform/redis-clock.ts';
import { type EdgeHeartbeat, HEARTBEAT_INTERVAL_MS, redisKeys } from '../../../schemas/coordination.ts';
import { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import { Catalog } from '../../../workers/edge/catalog.ts';
import { CatalogReader } from '../../../workers/edge/catalog-reader.ts';
import type { Socket } from '../../../workers/edge/connection.ts';
import { Connections } from '../../../workers/edge/connections.ts';
import { Delivery, type DeliveryObserver } from '../../../workers/edge/delivery.ts';
import type { DurableTelemetry } from '../../../workers/edge/durable/durable-telemetry.ts';
import { Durables } from '../../../workers/edge/durable/durables.ts';
import { writeHeartbeat } from '../../../workers/edge/heartbeat.ts';
import { InterestRegister } from '../../../workers/edge/interest-register.ts';
import { LaneReader } from '../../../workers/edge/lane-reader.ts';
import { Outgoing } from '../../../workers/edge/outgoing.ts';
import { OverflowDoor } from '../../../workers/edge/overflow/overflow-door.ts';
import type { OverflowContext } from '../../../workers/edge/overflow/overflow-subscription.ts';
import { WaitingMemory } from '../../../workers/edge/overflow/waiting-events.ts';
import { RedisInterestStore } from '../../../workers/edge/redis-interest-store.ts';
import { ReplayClient } from '../../../workers/edge/replay-client.ts';
import { pushReplayRequest } from '../../../workers/edge/replay-queue.ts';
import { SlowClients } from '../../../workers/edge/slow-clients.ts';
import { SubscriptionDoor } from '../../../workers/edge/subscription-door.ts';
import type { Telemetry } from '../../../workers/edge/telemetry.ts';
import { TenantAccounts } from '../../../workers/edge/tenants/tenant-accounts.ts';
import { Turns } from '../../../workers/edge/tenants/turns.ts';
import type { SocketHandlers } from '../../../workers/edge/websocket-server.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import { RedisConnection } from '../network/redis-connection.ts';
import type { Listener } from '../network/simulated-socket.ts';
import type { World } from '../world.ts';
import { quietHealth, quietMetrics, traceLogger } from './quiet-parts.ts';
import { isReady, REDIS_PREFIX } from './simulated-worker.ts';

const TICK_MS = 100;
/** Half as often as edges do, so that fewer steps are steps in which nothing happens. */
const LANE_TICK_MS = 100;
const DURABLE_TICK_MS = 50;
const CATALOG_INTERVAL_MS = 2000;
export const MAX_BUFFERED_BYTES = 3000;
export const MAX_OUTSTANDING = 3;
/** Everything small and soon, so that a few seconds meet every limit. */
const LIMITS = {
  joinTimeoutMs: 2000,
  lingerMs: 400,
  positionIntervalMs: 700,
  frameBytes: 60,
  lowWaterBytes: 700,
  holdBytes: 900,
  catchUpTimeoutMs: 6000,
  maxTries: 3,
  repairHoldBytes: 4000,
  repairTries: 10,
  repairBytes: 2000,
} as const;

export class SimulatedEdge implements Listener {
  readonly process: SimulatedProcess;
  readonly connections: readonly RedisConnection[];
  readonly #world: World;
  readonly #edgeId: string;
  readonly #keys = redisKeys(REDIS_PREFIX);
  readonly #commands: RedisConnection;
  readonly #interest: InterestRegister;
  readonly #delivery: Delivery;
  readonly #replays: ReplayClient;
  readonly #lane: LaneReader;
  readonly #catalogReader: CatalogReader;
  readonly #durables: Durables;
  readonly #open: Connections;
  #isStarted = false;
  #arriving: EnvelopeReader | null = null;

  constructor(world: World, process: SimulatedProcess, edgeId: string) {
    const { simulator } = world;
    this.#world = world;
    this.process = process;
    this.#edgeId = edgeId;
    const redis = (): RedisConnection => new RedisConnection(simulator, world.redis, process);
    const [commands, lane, notices] = [redis(), redis(), redis()];
    this.connections = [commands, lane, notices];
    this.#commands = commands;
    const keys = this.#keys;
    const log = traceLogger(simulator, process.name);
    const now = (): number => Date.now();
    const catalog = new Catalog();
    const clock = new RedisClock(commands.asRedis);
    clock.start();
    this.#replays = new ReplayClient({
      edgeId,
      push: (request) => void pushReplayRequest(commands.asRedis, keys, log, request),
      maxOutstanding: MAX_OUTSTANDING,
      answerTimeoutMs: 1500,
      sharedNow: () => clock.nowMs(),
      maxBytes: 600,
      later: queueMicrotask,
      now,
    });
    const store = new RedisInterestStore(commands.asRedis);
    this.#interest = new InterestRegister({ edgeId, keys, store, log, all: () => this.#delivery.interests() });
    const outgoing = new Outgoing();
    this.#delivery = new Delivery({
      topics: catalog,
      interest: this.#interest,
      replays: this.#replays,
      limits: LIMITS,
      observer: this.#observer(),
      onRepair: (_, event) => simulator.note(`repair ${JSON.stringify(event)}`, process.name),
      now,
      writeAll: () => outgoing.writeAll(),
      whenIdle: (flush) => {
        simulator.plan(simulator.random.between(0, 1), process, 'idle', flush);
      },
    });
    this.#lane = new LaneReader({
      lane: keys.lane(edgeId),
      log,
      onEnvelope: (envelope) => this.#onEnvelope(envelope),
      onCorrupt: () => simulator.fail('an envelope could not be read'),
      onSubscribed: () => this.#delivery.onLaneDisturbed(),
      onReconnect: (reason) => simulator.note(`the lane is connected anew: ${reason}`, process.name),
      commands: commands.asRedis,
      now: () => performance.now(),
    });
    const onChange = (): void => this.#delivery.onCatalog(catalog.topics);
    const health = quietHealth;
    this.#catalogReader = new CatalogReader({ catalog, redis: commands.asRedis, keys, health, log, onChange });
    this.#durables = new Durables({
      edgeId,
      redis: commands.asRedis,
      prefix: REDIS_PREFIX,
      catalog,
      lookAnew: () => this.#catalogReader.lookAnew(),
      delivery: this.#delivery,
      replays: this.#replays,
      telemetry: quietMetrics<DurableTelemetry>(),
      limits: { ...LIMITS, maxInFlightBytes: 4000, maxBacklogBytes: 4000 },
      log,
    });
    const accounts = new TenantAccounts({
      rates: { connectsPerSecond: 1000, subscribesPerSecond: 10_000 },
      quotasOf: (tenant) => openAuthenticator.quotasOf(tenant),
      now: () => performance.now(),
    });
    this.#open = new Connections({
      edgeId,
      limits: {
        maxConnections: 100,
        maxSubscriptions: 20,
        maxMessageBytes: 4096,
        messagesPerSecond: 100,
        messageBurst: 1000,
        acknowledgementsPerSecond: 1000,
        compresses: false,
        maxBufferedBytes: MAX_BUFFERED_BYTES,
        reconnectSpreadMs: 300,
      },
      guestLimits: { withinMs: 5000, guests: 100, guestsPerAddress: 100 },
      addressLimits: { connectsPerSecond: 100, connections: 100 },
      heartbeatMs: 2000,
      authenticator: openAuthenticator,
      accounts,
      turns: new Turns({ now: () => performance.now(), later: (delayMs, run) => void setTimeout(run, delayMs) }),
      door: new SubscriptionDoor({
        delivery: this.#delivery,
        overflow: new OverflowDoor(this.#delivery, catalog, this.#overflow()),
        consume: (client, message) => this.#durables.consume(client, message),
        lookAnew: () => this.#catalogReader.lookAnew(),
      }),
      outgoing,
      telemetry: quietTelemetry,
      slowClients: new SlowClients(),
      errors: new ErrorBook('edge'),
      log,
    });
    this.#begin(lane, notices).catch(() => process.crash()); // started again by whoever watches it
  }

  accept(socket: Socket): SocketHandlers | { readonly closeCode: number; readonly reason: string } {
    if (!this.#isStarted) return { closeCode: 1006, reason: '' };
    return this.#open.accept(socket, 'json');
  }

  assertBounds(): void {
    const { outstandingCount } = this.#replays;
    if (outstandingCount > MAX_OUTSTANDING) this.#world.simulator.fail(`${outstandingCount} replays are outstanding`);
    for (const { bufferedBytes } of this.#open.open) {
      if (bufferedBytes > 3 * MAX_BUFFERED_BYTES)
        this.#world.simulator.fail(`${bufferedBytes} bytes wait for a client`);
    }
  }

  async #begin(lane: RedisConnection, notices: RedisConnection): Promise<void> {
    await Promise.all(this.connections.map((connection) => isReady(connection)));
    this.#commands.on('ready', () => this.#interest.writeAll());
    this.#interest.writeAll();
    await this.#lane.start(lane.asRedis);
    await this.#catalogReader.start(notices.asRedis);
    await this.#durables.start(notices.asRedis);
    await this.#beat();
    setInterval(() => this.#tick(), TICK_MS);
    setInterval(() => this.#durables.tick(), DURABLE_TICK_MS);
    setInterval(() => this.#lane.tick(), LANE_TICK_MS);
    setInterval(() => void this.#beat(), HEARTBEAT_INTERVAL_MS);
    setInterval(() => void this.#catalogReader.read(), CATALOG_INTERVAL_MS);
    this.#isStarted = true;
    this.#world.simulator.note(`edge ${this.#edgeId} started`, this.process.name);
  }

  #onEnvelope(envelope: EnvelopeReader): void {
    this.#arriving = envelope;
    this.#delivery.onEnvelope(envelope);
    this.#arriving = null;
    if (this.#delivery.channelCount === 0) this.#world.publishWatch.edgeForgets(this.#edgeId);
  }

  #overflow(): OverflowContext {
    const { simulator } = this.#world;
    return {
      limits: { ...LIMITS, bytes: 2000, events: 5 },
      memory: new WaitingMemory(20_000),
      now: () => simulator.nowMs,
      later: (delayMs, run) => simulator.plan(delayMs, this.process, 'overflow', run),
      onShed: () => {},
    };
  }

  #observer(): DeliveryObserver {
    const { simulator, publishWatch } = this.#world;
    return {
      onEnvelope: (outcome, times) => {
        // Behind a repair, envelopes that were held are applied while the last answer arrives.
        const envelope = times instanceof EnvelopeReader ? times : this.#arriving;
        if (envelope === null) return;
        if (outcome === 'applied') publishWatch.applied(this.#edgeId, envelope);
        const { partition, epoch, from, to, joined } = envelope;
        if (outcome === 'applied' && joined.length === 0) return;
        const range = `${from.offset}:${from.index}–${to.offset}:${to.index}`;
        const names = joined.map(({ channel, generation }) => `${channel.slice(0, 4)}#${generation}`).join(' ');
        simulator.note(`p${partition} e${epoch} ${range} ${outcome} ${names}`, this.process.name);
      },
      onSent: () => {},
      onReplaySent: () => {},
      onGap: (channel, clients) =>
        simulator.note(`gap on ${channel.id.slice(0, 4)}, ${clients} clients`, this.process.name),
    };
  }

  #tick(): void {
    this.#delivery.tick();
    if (this.#delivery.channelCount === 0) this.#world.publishWatch.edgeForgets(this.#edgeId);
  }

  async #beat(): Promise<void> {
    try {
      await writeHeartbeat(this.#commands.asRedis, this.#keys, this.#heartbeat());
      await this.#interest.refresh();
    } catch (error) {
      // Redis is away: the next beat tries again.
      if (error instanceof TypeError) this.#world.simulator.fail(error);
    }
  }

  #heartbeat(): EdgeHeartbeat {
    return {
      edgeId: this.#edgeId,
      host: 'h',
      pid: 1,
      httpUrl: 'http://h:1',
      clientUrl: `ws://${this.process.name}:1`,
      startedAtMs: 0,
      state: 'running',
      connections: this.#open.open.size,
      subscriptions: this.#delivery.subscriptionCount,
      channels: this.#delivery.channelCount,
      deliveriesPerSecond: 0,
      framesPerSecond: 0,
      latencyP50Ms: null,
      latencyP99Ms: null,
    };
  }
}

/** Connections tell it of bytes and closes, which nobody here counts. */
const quietTelemetry = Object.assign(new EventEmitter(), {
  onOpened: () => {},
  onClosing: () => {},
  onBytes: () => {},
}) as unknown as Telemetry;
