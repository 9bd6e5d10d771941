// Everything there is in one run: brokers, processes, and what is true. Processes come and go; the world starts each again
// after a while, as whoever runs the service does.

import type { ConnectOptions } from '../../client/library/index.ts';
import type { SubscriptionRow } from '../../control-plane/store/subscriptions.ts';
import type { TopicRow } from '../../control-plane/store/topics.ts';
import { durableKeys } from '../../schemas/durable.ts';
import type { SimulatedProcess } from './engine/simulated-process.ts';
import type { Simulator } from './engine/simulator.ts';
import { KAFKA_TOPIC, SimulatedKafka } from './network/simulated-kafka.ts';
import { SimulatedPostgres } from './network/simulated-postgres.ts';
import { SimulatedRedis } from './network/simulated-redis.ts';
import { SimulatedNetwork } from './network/simulated-socket.ts';
import { DurableConsumer } from './processes/durable-consumer.ts';
import { SimulatedControlPlane } from './processes/simulated-control-plane.ts';
import { SimulatedEdge } from './processes/simulated-edge.ts';
import { SimulatedUser } from './processes/simulated-user.ts';
import { REDIS_PREFIX, SimulatedWorker } from './processes/simulated-worker.ts';
import {
  BATCH_SCHEMA_ID,
  DURABLE_ID,
  DURABLE_NAME,
  DURABLE_WISH,
  EVENT_SCHEMA,
  EVENT_SCHEMA_ID,
  KINDS,
  recordOf,
  TOPIC_ID,
  TOPIC_NAME,
  Truth,
} from './truth.ts';
import { DurableLedger, MAX_ATTEMPTS } from './watch/durable-ledger.ts';
import { PublishWatch } from './watch/publish-watch.ts';

const RESTART_MS = { low: 100, high: 2500 } as const;
const MAX_BATCH = 4;
/** Some machines were never told the time. */
const WRONG_CLOCK = { chance: 0.1, byMs: 3_600_000 } as const;

interface Place<Running> {
  readonly name: string;
  running: Running;
  starts: number;
}

export class World {
  readonly simulator: Simulator;
  readonly truth = new Truth();
  readonly redis: SimulatedRedis;
  readonly kafka: SimulatedKafka;
  readonly postgres: SimulatedPostgres;
  readonly network: SimulatedNetwork;
  readonly publishWatch: PublishWatch;
  readonly workers: Place<SimulatedWorker>[];
  readonly edges: Place<SimulatedEdge>[];
  readonly controlPlanes: Place<SimulatedControlPlane>[];
  readonly users: SimulatedUser[];
  readonly durableLedger: DurableLedger;
  readonly consumers: DurableConsumer[];

  constructor(simulator: Simulator) {
    const { random } = simulator;
    this.simulator = simulator;
    const partitions = 1 + random.below(2);
    this.redis = new SimulatedRedis(simulator);
    this.kafka = new SimulatedKafka(simulator, partitions);
    this.postgres = new SimulatedPostgres(topicRow(partitions), subscriptionRow(partitions));
    this.network = new SimulatedNetwork(simulator);
    this.publishWatch = new PublishWatch(simulator);
    this.durableLedger = new DurableLedger(this);
    this.redis.onAccepted = (owner, lane, bytes) => this.publishWatch.accepted(owner, lane, bytes);
    this.redis.onHeartbeat = (owner) => this.publishWatch.proven(owner);
    this.redis.onSending = (owner, bytes) => this.publishWatch.sending(owner, bytes);
    this.kafka.onCommitted = (owner, partition, offset) => {
      this.publishWatch.committed(owner, partition, offset, this.kafka.partitions[partition]?.lowOffset ?? 0);
    };
    this.controlPlanes = this.#places('control', 1 + random.below(2), (name) => this.#controlPlane(name));
    this.workers = this.#places('worker', 1 + random.below(3), (name, start) => this.#worker(name, start));
    this.edges = this.#places('edge', 1 + random.below(2), (name, start) => this.#edge(name, start));
    this.users = Array.from({ length: 2 + random.below(3) }, (_, i) => new SimulatedUser(this, i));
    const shardKey = durableKeys(REDIS_PREFIX).shard(DURABLE_ID, 0);
    this.redis.onScript = (keys) => {
      if (keys.includes(shardKey)) this.durableLedger.checkShard(this.redis.data.hash(shardKey));
    };
    this.consumers = Array.from({ length: random.below(3) }, (_, i) => new DurableConsumer(this, i));
    simulator.invariants.push(() => this.#look());
  }

  /** What a client library of this process runs on. */
  clientOptions(process: SimulatedProcess): ConnectOptions {
    const { simulator, network } = this;
    return {
      urls: this.edges.map(({ name }) => `ws://${name}:1`),
      reconnect: { baseMs: 100, maxMs: 1000 },
      runtime: {
        WebSocket: network.socketsOf(process),
        clock: {
          now: () => Date.now(),
          after: (delayMs, action) => simulator.plan(delayMs, process, 'client timer', action),
        },
        random: simulator.random.next,
        fetch: () => Promise.reject(new Error('the simulation has no REST')),
      },
    };
  }

  /** True when nothing of the durable subscription is open. */
  get isConsumed(): boolean {
    return this.consumers.length === 0 || this.durableLedger.isComplete;
  }

  /** Appends a record with a few events to some partition. */
  produce(): void {
    const { random } = this.simulator;
    const partition = random.below(this.kafka.partitions.length);
    const kinds = Array.from({ length: random.chance(0.3) ? 2 + random.below(MAX_BATCH - 1) : 1 }, () =>
      random.below(KINDS),
    );
    const events = this.truth.next(partition, this.kafka.endOf(partition), kinds);
    this.kafka.append(partition, recordOf(events));
  }

  grow(): void {
    this.kafka.addPartition();
    this.truth.events.push([]);
    this.postgres.grow(this.kafka.partitions.length);
  }

  /** @param afterMs how long it stays away */
  restart(place: Place<SimulatedWorker> | Place<SimulatedEdge> | Place<SimulatedControlPlane>, afterMs?: number): void {
    const { simulator } = this;
    place.running.process.crash();
    simulator.note('dies', place.running.process.name);
    simulator.plan(afterMs ?? simulator.random.between(RESTART_MS.low, RESTART_MS.high), null, 'restart', () => {
      this.#start(place);
    });
  }

  /** Processes that ended by themselves are started again. */
  revive(): void {
    for (const place of [...this.workers, ...this.edges, ...this.controlPlanes]) {
      if (place.running.process.isGone) this.#start(place);
    }
    for (const user of [...this.users, ...this.consumers]) user.comeBack();
  }

  #start(place: Place<SimulatedWorker> | Place<SimulatedEdge> | Place<SimulatedControlPlane>): void {
    if (!place.running.process.isGone) return;
    place.starts += 1;
    if (place.running instanceof SimulatedWorker) place.running = this.#worker(place.name, place.starts);
    else if (place.running instanceof SimulatedEdge) place.running = this.#edge(place.name, place.starts);
    else place.running = this.#controlPlane(place.name);
  }

  #places<Running>(name: string, count: number, start: (name: string, start: number) => Running): Place<Running>[] {
    return Array.from({ length: count }, (_, i) => ({
      name: `${name}-${i}`,
      running: start(`${name}-${i}`, 0),
      starts: 0,
    }));
  }

  /** Half of the time it comes back under its old id, as a process with a configured name does. */
  #worker(name: string, start: number): SimulatedWorker {
    const id = start > 0 && this.simulator.random.chance(0.5) ? `${name}x${start}` : name;
    const process = this.#process(`${id}.${start}`);
    return this.simulator.as(process, () => new SimulatedWorker(this, process, id));
  }

  #edge(name: string, start: number): SimulatedEdge {
    const process = this.#process(name);
    const edge = this.simulator.as(process, () => new SimulatedEdge(this, process, `${name}-${start}`));
    this.network.edges.set(name, edge);
    return edge;
  }

  #controlPlane(name: string): SimulatedControlPlane {
    const process = this.#process(name);
    return this.simulator.as(process, () => new SimulatedControlPlane(this, process));
  }

  #process(name: string): SimulatedProcess {
    const { random } = this.simulator;
    const process = this.simulator.newProcess(name);
    const { chance, byMs } = WRONG_CLOCK;
    if (random.chance(chance)) process.clockSkewMs = Math.round(random.between(-byMs, byMs));
    return process;
  }

  /** The invariants that concern whoever has just acted. */
  #look(): void {
    const { current } = this.simulator;
    for (const user of this.users) if (user.process === current) user.assertHonest();
    for (const { running } of this.edges) if (running.process === current) running.assertBounds();
  }
}

const subscriptionRow = (partitions: number): SubscriptionRow => ({
  subscriptionId: DURABLE_ID,
  sequence: 1,
  tenant: 'default',
  name: DURABLE_NAME,
  topicId: TOPIC_ID,
  topic: TOPIC_NAME,
  kafkaTopic: KAFKA_TOPIC,
  partitions,
  filter: DURABLE_WISH.filter,
  mandatoryFilter: '',
  plannedFilter: null,
  createdBy: null,
  fields: null,
  state: 'active',
  ackTimeoutMs: 1500,
  backoffBaseMs: 50,
  backoffMaxMs: 400,
  maxAttempts: MAX_ATTEMPTS,
  maxInFlight: 8,
  groupKey: null,
  groupShards: null,
  seekRevision: 0,
  seekPosition: [],
  revision: 1,
  createdAt: new Date(0),
});

const topicRow = (partitions: number): TopicRow => ({
  topicId: TOPIC_ID,
  tenant: 'default',
  name: TOPIC_NAME,
  kafkaTopic: KAFKA_TOPIC,
  partitions,
  retentionMs: 1,
  cleanupPolicy: 'delete',
  schemaJson: EVENT_SCHEMA,
  schemaId: EVENT_SCHEMA_ID,
  batchSchemaId: BATCH_SCHEMA_ID,
  state: 'ready',
  kafkaCreated: true,
  createdAt: new Date(0),
});
