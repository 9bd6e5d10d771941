// A control plane as far as ownership goes: the real leader loop with its real step, on a simulated Postgres and Redis.
// Only the taking of the lock is played, since leadership.ts makes its own connection.

import { definitionOf, writeDefinitions } from '../../../control-plane/durable/definitions.ts';
import { ShardStates } from '../../../control-plane/durable/shard-states.ts';
import { LeaderLoop } from '../../../control-plane/ownership/leader-loop.ts';
import type { LeaderMetrics } from '../../../control-plane/ownership/leader-metrics.ts';
import type { Leadership } from '../../../control-plane/ownership/leadership.ts';
import type { Queryable } from '../../../control-plane/store/queryable.ts';
import { allSubscriptions } from '../../../control-plane/store/subscriptions.ts';
import type { Logger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { redisKeys } from '../../../schemas/coordination.ts';
import { durableKeys } from '../../../schemas/durable.ts';
import { routeKeys } from '../../../schemas/route.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import { RedisConnection } from '../network/redis-connection.ts';
import type { PostgresConnection } from '../network/simulated-postgres.ts';
import type { World } from '../world.ts';
import { quietHealth, quietMetrics, traceLogger } from './quiet-parts.ts';
import { isReady, REDIS_PREFIX } from './simulated-worker.ts';

const LEADER_INTERVAL_MS = 500;
const CHECKPOINT_INTERVAL_MS = 2000;

export class SimulatedControlPlane {
  readonly process: SimulatedProcess;
  readonly connections: readonly RedisConnection[];
  readonly #loop: LeaderLoop;

  constructor(world: World, process: SimulatedProcess) {
    const { simulator, redis: server } = world;
    this.process = process;
    const [redis, notices] = [0, 1].map(() => new RedisConnection(simulator, server, process));
    if (!redis || !notices) throw new Error('there are two connections');
    this.connections = [redis, notices];
    const keys = redisKeys(REDIS_PREFIX);
    const log = traceLogger(simulator, process.name);
    const db = world.postgres.pool(simulator, process);
    redis.on('ready', () => this.#loop.observeAnew());
    const leadership = new PlayedLeadership(world, process, () => {
      simulator.note('leads', process.name);
      this.#loop.observeAnew();
    });
    this.#loop = new LeaderLoop({
      leadership: leadership as unknown as Leadership,
      redis: redis.asRedis,
      keys,
      routes: routeKeys(REDIS_PREFIX),
      db,
      configuration: { look: async () => {} },
      cordoned: async () => new Set<string>(),
      durables: durableKeeperOf(redis.asRedis, db, log),
      identities: { look: () => {} },
      unfinished: { look: () => {} } as never,
      evolved: { look: () => {} } as never,
      housekeeping: { look: () => Promise.resolve() } as never,
      metrics: quietMetrics<LeaderMetrics>(),
      health: quietHealth,
      log,
      intervalMs: LEADER_INTERVAL_MS,
    });
    this.#begin(notices, keys.notifyHeartbeat).catch(() => process.crash());
  }

  async #begin(notices: RedisConnection, channel: string): Promise<void> {
    await Promise.all(this.connections.map((connection) => isReady(connection)));
    notices.on('message', () => this.#loop.look());
    await notices.asRedis.subscribe(channel);
    this.#loop.start();
  }
}

/** As durable-keeper.ts, but for the ledger and the index of dead letters. */
function durableKeeperOf(redis: Redis, db: Queryable, log: Logger) {
  const keys = durableKeys(REDIS_PREFIX);
  const states = new ShardStates(redis, keys, log);
  let checkpointedMs = Number.NEGATIVE_INFINITY;
  return {
    look: async (fenced: Queryable): Promise<void> => {
      const definitions = (await allSubscriptions(db)).map(definitionOf);
      const nowMs = performance.now();
      const isChanged = await writeDefinitions(redis, keys, definitions, Date.now());
      if (!isChanged && nowMs - checkpointedMs < CHECKPOINT_INTERVAL_MS) return;
      checkpointedMs = nowMs;
      await states.look(fenced, definitions);
    },
  };
}

/** Holds the lock through a connection, as leadership.ts does: when the connection goes, so does the lead. */
class PlayedLeadership {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #onElected: () => void;
  #client: PostgresConnection | null = null;
  #leads = false;

  constructor(world: World, process: SimulatedProcess, onElected: () => void) {
    this.#world = world;
    this.#process = process;
    this.#onElected = onElected;
  }

  get connection(): PostgresConnection | null {
    return this.#leads ? this.#client : null;
  }

  get fenced(): PostgresConnection | null {
    return this.connection;
  }

  async tryLead(): Promise<boolean> {
    if (this.#leads) return true;
    const client = this.#client ?? this.#connect();
    try {
      if (!(await client.tryLock())) return false;
    } catch (error) {
      this.#drop(client);
      throw error;
    }
    if (this.#client !== client) return false;
    this.#leads = true;
    this.#onElected();
    return true;
  }

  resign(): void {
    if (this.#client) this.#drop(this.#client);
  }

  #connect(): PostgresConnection {
    const { postgres, simulator } = this.#world;
    const client = postgres.connect(simulator, this.#process);
    client.onLost = () => this.#drop(client);
    this.#client = client;
    return client;
  }

  #drop(client: PostgresConnection): void {
    if (this.#client !== client) return;
    this.#client = null;
    this.#leads = false;
    client.end();
  }
}
