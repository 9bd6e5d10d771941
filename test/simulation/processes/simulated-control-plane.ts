// A control plane as far as ownership goes: the real leader loop with its real step, on a simulated Postgres and Redis.
// Only the taking of the lock is played, since leadership.ts makes its own connection.

import { LeaderLoop } from '../../../control-plane/ownership/leader-loop.ts';
import type { LeaderMetrics } from '../../../control-plane/ownership/leader-metrics.ts';
import type { Leadership } from '../../../control-plane/ownership/leadership.ts';
import { redisKeys } from '../../../schemas/coordination.ts';
import { routeKeys } from '../../../schemas/route.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import { RedisConnection } from '../network/redis-connection.ts';
import type { PostgresConnection } from '../network/simulated-postgres.ts';
import type { World } from '../world.ts';
import { quietHealth, quietMetrics, traceLogger } from './quiet-parts.ts';
import { isReady, REDIS_PREFIX } from './simulated-worker.ts';

const LEADER_INTERVAL_MS = 500;

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
      db: world.postgres.pool(simulator, process),
      durables: { look: () => Promise.resolve() } as never,
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
