// What an edge does again and again: ticks, heartbeats, looks at the catalog; and the way out, in order.

import type { ProcessContext } from '../../platform/lifecycle.ts';
import type { Redis } from '../../platform/redis.ts';
import { type EdgeHeartbeat, HEARTBEAT_INTERVAL_MS } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { EdgeConfig } from './config.ts';
import { drainConnections } from './drain.ts';
import { DURABLE_TICK_MS } from './durable/durables.ts';
import type { EdgeParts } from './edge-parts.ts';
import { deleteHeartbeat, type HeartbeatIdentity, heartbeatOf, otherEdges, writeHeartbeat } from './heartbeat.ts';
import type { Levels } from './telemetry.ts';

/** 100 ms: the resolution of join timeouts, lingering and position frames. */
const TICK_MS = 100;
/** 50 ms: a lane that starves is noticed within a second, probes included. */
const LANE_TICK_MS = 50;
/** The catalog is also read without a notice, since a notice can get lost. */
const CATALOG_INTERVAL_MS = 2000;
/** How far quotas may be exceeded in all follows from this: by what edges give in one interval. */
const USAGE_INTERVAL_MS = 1000;
/** Silence and stalls of event streams are counted in many seconds. */
const HTTP_TICK_MS = 1000;

type Context = ProcessContext<EdgeConfig>;

export class Clockwork {
  readonly #context: Context;
  readonly #redis: Redis;
  readonly #parts: EdgeParts;
  readonly #identity: HeartbeatIdentity;
  #isStopping = false;
  #timers: readonly NodeJS.Timeout[] = [];

  constructor(context: Context, redis: Redis, parts: EdgeParts, identity: HeartbeatIdentity) {
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
