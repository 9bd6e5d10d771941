// The tables of Postgres that ownership stands on, with the one lock that makes a leader and transactions on its
// connection. It knows the statements of control-plane/store by what they begin with, and refuses any other.

import type { PartitionOwnership } from '../../../control-plane/ownership/handover.ts';
import type { ShardCheckpoint } from '../../../control-plane/store/durable-shards.ts';
import type { Queryable } from '../../../control-plane/store/queryable.ts';
import type { SubscriptionRow } from '../../../control-plane/store/subscriptions.ts';
import type { TopicRow } from '../../../control-plane/store/topics.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import type { Simulator } from '../engine/simulator.ts';

interface Tables {
  topics: TopicRow[];
  /** By partition: there is one topic. */
  ownership: Map<number, PartitionOwnership>;
  revisions: Map<string, number>;
  subscription: SubscriptionRow;
  /** By shard: there is one durable subscription. */
  shards: Map<number, ShardCheckpoint>;
}

const LATENCY_MS = { low: 0.3, high: 4 } as const;
const TIMEOUT_MS = 2000;

export class SimulatedPostgres {
  isUp = true;
  tables: Tables;
  #lockHolder: PostgresConnection | null = null;
  readonly #connections = new Set<PostgresConnection>();

  constructor(topic: TopicRow, subscription: SubscriptionRow) {
    this.tables = { topics: [topic], ownership: new Map(), revisions: new Map(), subscription, shards: new Map() };
  }

  connect(simulator: Simulator, process: SimulatedProcess): PostgresConnection {
    const connection = new PostgresConnection(simulator, this, process);
    this.#connections.add(connection);
    return connection;
  }

  /** A pool of one: a connection that is lost is made anew. */
  pool(simulator: Simulator, process: SimulatedProcess): Queryable {
    let connection = this.connect(simulator, process);
    return {
      query: (text: string, values?: unknown[]) => {
        if (!connection.isOpen) connection = this.connect(simulator, process);
        return connection.query(text, values);
      },
    };
  }

  tryLock(connection: PostgresConnection): boolean {
    this.#lockHolder ??= connection;
    return this.#lockHolder === connection;
  }

  drop(connection: PostgresConnection): void {
    this.#connections.delete(connection);
    if (this.#lockHolder === connection) this.#lockHolder = null;
  }

  /** Every connection ends, and with it the lock. */
  cutAll(): void {
    for (const connection of [...this.#connections]) connection.cut();
  }

  grow(partitions: number): void {
    const { topics, subscription } = this.tables;
    this.tables = {
      ...this.tables,
      topics: topics.map((topic) => ({ ...topic, partitions })),
      subscription: { ...subscription, partitions },
    };
  }
}

export class PostgresConnection implements Queryable {
  /** The process notices that it is gone. */
  onLost: (reason: string) => void = () => {};
  isOpen = true;
  readonly #simulator: Simulator;
  readonly #server: SimulatedPostgres;
  readonly #process: SimulatedProcess;
  /** What the transaction has written, until it commits. */
  #written: Tables | null = null;
  readonly #underWay = new Set<(error: Error) => void>();

  constructor(simulator: Simulator, server: SimulatedPostgres, process: SimulatedProcess) {
    this.#simulator = simulator;
    this.#server = server;
    this.#process = process;
    process.onCrash(() => this.#end());
  }

  cut(): void {
    if (!this.isOpen) return;
    this.#end();
    this.#simulator.plan(this.#latency(), this.#process, 'postgres closed', () => {
      for (const reject of [...this.#underWay]) reject(new Error('Connection terminated unexpectedly'));
      this.onLost('the connection ended');
    });
  }

  end(): void {
    this.#end();
  }

  tryLock(): Promise<boolean> {
    return this.#ask(() => this.#server.tryLock(this));
  }

  query<Row>(text: string, values: unknown[] = []): Promise<{ rows: Row[] } & never> {
    return this.#ask(() => ({ rows: this.#run(text.trim(), values) })) as Promise<never>;
  }

  #end(): void {
    this.isOpen = false;
    this.#written = null;
    this.#server.drop(this);
  }

  #ask<Answer>(run: () => Answer): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const settled = (settle: () => void): void => {
      this.#underWay.delete(reject);
      settle();
    };
    this.#underWay.add(reject);
    this.#simulator.plan(this.#latency(), null, 'statement', () => {
      if (!this.isOpen || !this.#server.isUp) return;
      const answer = run();
      this.#simulator.plan(this.#latency(), this.#process, 'rows', () => settled(() => resolve(answer)));
    });
    this.#simulator.plan(TIMEOUT_MS, this.#process, 'statement timeout', () => {
      if (this.#underWay.has(reject)) settled(() => reject(new Error('Query read timeout')));
    });
    return promise;
  }

  #run(text: string, values: readonly unknown[]): unknown[] {
    const tables = this.#written ?? this.#server.tables;
    if (text === 'BEGIN') this.#written = copyOf(this.#server.tables);
    else if (text === 'COMMIT') this.#commit();
    else if (text.startsWith('INSERT INTO partition_ownership')) addMissing(tables);
    else if (text.startsWith('UPDATE partition_ownership')) savePartitions(tables, values as unknown[][]);
    else if (text.startsWith('INSERT INTO workers')) saveRevisions(tables, values as unknown[][]);
    else if (/^SELECT p\.topic_id/.test(text)) return [...tables.ownership.values()].map(rowOf);
    else if (/^SELECT worker_id/.test(text)) return [...tables.revisions].map(workerRowOf);
    else if (text.startsWith('INSERT INTO durable_shards')) saveShards(tables, values as unknown[][]);
    else if (/^SELECT .*FROM durable_shards/s.test(text)) return [...tables.shards.values()];
    else if (/^SELECT .*FROM subscriptions/s.test(text)) return [tables.subscription];
    else if (/^SELECT .*FROM routes/s.test(text)) return [];
    else if (/^SELECT .*FROM topics/s.test(text)) return [...tables.topics];
    else throw new Error(`the simulated Postgres does not know: ${text.slice(0, 80)}`);
    return [];
  }

  #commit(): void {
    const written = this.#written;
    this.#written = null;
    // Partitions may have been added meanwhile; the leader alone writes the rest.
    const { topics, subscription, shards } = this.#server.tables;
    if (written) this.#server.tables = { ...written, topics, subscription, shards };
  }

  #latency(): number {
    return this.#simulator.random.between(LATENCY_MS.low, LATENCY_MS.high);
  }
}

const copyOf = (tables: Tables): Tables => ({
  ...tables,
  ownership: new Map(tables.ownership),
  revisions: new Map(tables.revisions),
});

function addMissing({ topics, ownership }: Tables): void {
  for (const { topicId, partitions } of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      if (ownership.has(partition)) continue;
      ownership.set(partition, { topicId, partition, epoch: 0, owner: { state: 'unowned' }, retired: false });
    }
  }
}

function savePartitions({ ownership }: Tables, columns: readonly (readonly unknown[])[]): void {
  const [topicIds = [], partitions = [], epochs = [], states = [], workers = [], revisions = []] = columns;
  for (const [i, partition] of partitions.entries()) {
    const [workerId, releaseRevision] = [String(workers[i]), Number(revisions[i])];
    const state = states[i];
    const owner =
      state === 'owned'
        ? ({ state, workerId } as const)
        : state === 'revoking'
          ? ({ state, workerId, releaseRevision } as const)
          : ({ state: 'unowned' } as const);
    const row = { topicId: Number(topicIds[i]), partition: Number(partition), epoch: Number(epochs[i]), owner };
    ownership.set(Number(partition), { ...row, retired: false });
  }
}

function saveRevisions({ revisions }: Tables, [workers = [], numbers = []]: readonly (readonly unknown[])[]): void {
  for (const [i, worker] of workers.entries()) {
    revisions.set(String(worker), Math.max(revisions.get(String(worker)) ?? 0, Number(numbers[i])));
  }
}

function saveShards(
  { shards }: Tables,
  [ids = [], numbers = [], epochs = [], states = []]: readonly (readonly unknown[])[],
): void {
  for (const [i, id] of ids.entries()) {
    const row = {
      subscriptionId: String(id),
      shard: Number(numbers[i]),
      epoch: Number(epochs[i]),
      state: String(states[i]),
    };
    if ((shards.get(row.shard)?.epoch ?? -1) <= row.epoch) shards.set(row.shard, row);
  }
}

const rowOf = ({ topicId, partition, epoch, owner, retired }: PartitionOwnership): unknown => ({
  topicId,
  partition,
  epoch,
  state: owner.state,
  workerId: owner.state === 'unowned' ? null : owner.workerId,
  releaseRevision: owner.state === 'revoking' ? owner.releaseRevision : null,
  retired,
});

const workerRowOf = ([workerId, assignmentRevision]: readonly [string, number]): unknown => ({
  workerId,
  assignmentRevision,
});
