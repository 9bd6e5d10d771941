// The leader at work. Every half second, and whenever a worker reports a change: look at heartbeats, write the truth
// (Postgres), then tell workers and edges (Redis). Everything that is told is told again when it is missing, so nothing
// here needs a hand after Postgres, Redis or this process was away.

import type { Health } from '../../platform/health.ts';
import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { HEARTBEAT_TTL_MS, type RedisKeys } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { RouteKeys } from '../../schemas/route.ts';
import type { DurableKeeper } from '../durable/durable-keeper.ts';
import type { IdentityServices } from '../identity/identity-services.ts';
import { routeDefinitionsOf, writeRoutes } from '../routes/route-catalog.ts';
import type { ConfigurationService } from '../settings/configuration-service.ts';
import { type Fleet, readFleet } from '../status/fleet.ts';
import type { Queryable } from '../store/queryable.ts';
import { allRoutes } from '../store/routes.ts';
import { catalogOf, writeCatalog } from '../topics/catalog.ts';
import type { EvolvedSchemas } from '../topics/evolved-schemas.ts';
import type { UnfinishedTopics } from '../topics/unfinished-topics.ts';
import { assignmentsOf, writeAssignments } from './assignments.ts';
import { withCordons } from './cordons.ts';
import type { Housekeeping } from './housekeeping.ts';
import { NO_MEMORY } from './leader-memory.ts';
import type { LeaderMetrics } from './leader-metrics.ts';
import type { Leadership } from './leadership.ts';
import { PartitionWeights } from './partition-weights.ts';
import { type Step, takeStep } from './truth.ts';

/** Steps of ownership in a round, while workers report changes; then the rest of the round gets its turn. */
const MAX_STEPS = 10;

export interface LeaderLoopParts {
  readonly leadership: Leadership;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly routes: RouteKeys;
  readonly db: Queryable;
  readonly durables: Pick<DurableKeeper, 'look'>;
  readonly configuration: Pick<ConfigurationService, 'look'>;
  /** Workers that are to get no partitions. */
  readonly cordoned: () => Promise<ReadonlySet<string>>;
  readonly identities: Pick<IdentityServices, 'look'>;
  readonly unfinished: UnfinishedTopics;
  readonly evolved: EvolvedSchemas;
  readonly housekeeping: Housekeeping;
  readonly metrics: LeaderMetrics;
  readonly health: Health;
  readonly log: Logger;
  readonly intervalMs: number;
}

export class LeaderLoop {
  readonly #parts: LeaderLoopParts;
  readonly #weights = new PartitionWeights();
  #memory = NO_MEMORY;
  #observingSinceMs = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(parts: LeaderLoopParts) {
    this.#parts = parts;
  }

  start(): void {
    this.look();
  }

  /** Begins a round now, or right after the one that is running. */
  look(): void {
    if (this.#stopped) return;
    if (this.#round !== null) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#again = false;
    this.#round = this.#runRound().finally(() => {
      this.#round = null;
      if (this.#stopped) return;
      if (this.#again) this.look();
      else this.#timer = setTimeout(() => this.look(), this.#parts.intervalMs);
    });
  }

  /** From now on a missing heartbeat means something again: after an election, or when Redis has come back. */
  observeAnew(): void {
    this.#observingSinceMs = Date.now();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  async #runRound(): Promise<void> {
    const { leadership, health, log } = this.#parts;
    try {
      const leads = await leadership.tryLead();
      health.setReady('postgres', true);
      if (!leads) {
        health.setReady('ownership', true);
        return;
      }
    } catch (error) {
      health.setReady('postgres', false, `ownership is paused, data keeps flowing: ${reasonOf(error)}`);
      return;
    }
    try {
      await this.#lead();
      health.setReady('ownership', true);
    } catch (err) {
      health.setReady('ownership', false, `it is paused, data keeps flowing: ${reasonOf(err)}`);
      log.warn({ err }, 'a round of the leader failed; trying again');
    }
  }

  async #lead(): Promise<void> {
    const { leadership, redis, keys, routes, db, metrics, durables, unfinished, evolved, housekeeping } = this.#parts;
    const stopTimer = metrics.roundSeconds.startTimer();
    const owned = await this.#own();
    if (owned === null) return;
    const { fleet, step } = owned;
    await writeCatalog(redis, keys, catalogOf(step.topics, topicsInUse(step)));
    this.#parts.identities.look();
    await this.#parts.configuration.look();
    await writeRoutes(redis, routes, routeDefinitionsOf(await allRoutes(db)));
    const fenced = leadership.fenced;
    if (fenced !== null) await durables.look(fenced);
    unfinished.look(step.topics, step.ownership);
    evolved.look(step.topics);
    await housekeeping.look(fleet, step.revisions);
    stopTimer();
  }

  /** A partition that is given back meanwhile is granted before everything else: nobody delivers it until then. */
  async #own(): Promise<{ readonly fleet: Fleet; readonly step: Step } | null> {
    const { redis, keys } = this.#parts;
    for (let steps = 1; ; steps++) {
      this.#again = false; // what is told from now on is not in what is read
      const fleet = await readFleet(redis, keys);
      const step = await this.#takeStep(fleet);
      if (step === null) return null;
      const told = await writeAssignments(redis, keys, assignmentsOf(step.revisions, step.ownership, step.plan));
      this.#report(fleet, step, told);
      if (!this.#again || steps >= MAX_STEPS) return { fleet, step };
    }
  }

  /** A statement that failed leaves the connection in an unknown state, so the lead is given up with it. */
  async #takeStep(fleet: Fleet): Promise<Step | null> {
    const { leadership } = this.#parts;
    const connection = leadership.connection;
    if (connection === null) return null;
    const cordoned = await this.#parts.cordoned();
    const now = Date.now();
    const seen = {
      workers: withCordons(fleet.workers, cordoned),
      observingSinceMs: this.#observingSinceMs,
      heartbeatTtlMs: HEARTBEAT_TTL_MS,
      weights: this.#weights.observe(fleet.workers, now),
    };
    try {
      const step = await takeStep(connection, seen, now, this.#memory);
      this.#memory = step.plan.memory;
      return step;
    } catch (error) {
      leadership.resign(reasonOf(error));
      throw error;
    }
  }

  #report(fleet: Fleet, { plan, ownership }: Step, told: readonly string[]): void {
    const { metrics, log } = this.#parts;
    const unowned = ownership.filter(({ owner, retired }) => owner.state === 'unowned' && !retired).length;
    metrics.workersLive.set(fleet.workers.length);
    metrics.partitionsUnowned.set(unowned);
    metrics.partitionsGranted.inc(plan.granted);
    metrics.partitionsRevoked.inc(plan.revoked);
    metrics.partitionsForced.inc(plan.forced);
    if (plan.forced > 0) log.error({ forced: plan.forced }, 'partitions were not given back in time and go to others');
    if (plan.changed.length === 0) return;
    const { granted, revoked, released } = plan;
    log.info({ granted, revoked, released, unowned, told }, 'ownership changed');
  }
}

function topicsInUse({ ownership }: Step): Set<number> {
  return new Set(ownership.filter(({ owner }) => owner.state !== 'unowned').map(({ topicId }) => topicId));
}
