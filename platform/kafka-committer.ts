// The second connection of a consumer, which has no partitions: for commits, and for questions that must be answered also
// when the first one hangs.

import type { KafkaConsumer as Handle, TopicPartitionOffset } from 'node-rdkafka';
import { MdsError } from '../schemas/errors.ts';
import { asKafkaError, call, callSync, connectClient, disconnectClient, kafka } from './kafka-client.ts';
import type { PartitionCommit, PartitionEnd, PartitionPlace } from './kafka-consumer.ts';
import { type ConsumerOptions, consumerSettings } from './kafka-consumer-settings.ts';

const QUERY_TIMEOUT_MS = 5000;
/** In place of a time: Kafka's own word for the end of the log (KIP-79). */
const LATEST = -1;

interface PendingCommit {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits over a connection of its own. librdkafka hands out the result of a commit only inside consume(), between the
 * records; a worker that has paused for backpressure would wait for it for ever. This connection has no partitions, so its
 * consume() hands out nothing but results.
 */
export class KafkaCommitter {
  readonly #options: ConsumerOptions;
  readonly #pending: PendingCommit[] = [];
  #handle: Promise<Handle> | undefined;
  #pumping = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  async commit(offsets: readonly PartitionCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    const handle = await this.#connected();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const pending = { resolve, reject };
    callSync('Kafka (commit)', () => void handle.commit([...offsets]));
    this.#pending.push(pending);
    const timeout = setTimeout(() => {
      this.#pending.splice(this.#pending.indexOf(pending), 1);
      reject(new MdsError('MDS_TIMEOUT', { operation: 'Committing offsets', timeoutMs: QUERY_TIMEOUT_MS }));
    }, QUERY_TIMEOUT_MS);
    this.#pump(handle);
    try {
      await promise;
    } finally {
      clearTimeout(timeout);
    }
  }

  /** One more than the last offset of each partition that is committed to the log; null where it is not known. */
  async ends(places: readonly PartitionPlace[]): Promise<readonly PartitionEnd[]> {
    if (places.length === 0) return [];
    const handle = await this.#connected();
    const asked = places.map(({ topic, partition }) => ({ topic, partition, offset: LATEST }));
    const found = await call<TopicPartitionOffset[]>('Kafka (ends)', (done) =>
      handle.offsetsForTimes(asked, QUERY_TIMEOUT_MS, done),
    );
    return found.map(({ topic, partition, offset }) => ({ topic, partition, end: offset >= 0 ? offset : null }));
  }

  async disconnect(): Promise<void> {
    if (this.#handle !== undefined) await disconnectClient(await this.#handle);
  }

  #connected(): Promise<Handle> {
    this.#handle ??= this.#connect().catch((error: unknown) => {
      this.#handle = undefined;
      throw error;
    });
    return this.#handle;
  }

  async #connect(): Promise<Handle> {
    const { health: _health, ...connection } = this.#options; // the consumer itself already reports
    const handle = await connectClient({ ...connection, name: `${connection.name}-commit` }, () => {
      return new kafka.KafkaConsumer({ ...consumerSettings(this.#options), offset_commit_cb: true }, {});
    });
    handle.setDefaultConsumeTimeout(5);
    // Results come in the order of the commits: one connection, one coordinator.
    handle.on('offset.commit', (error) => {
      const pending = this.#pending.shift();
      if (error) pending?.reject(asKafkaError(error, 'Kafka (commit)'));
      else pending?.resolve();
    });
    return handle;
  }

  #pump(handle: Handle): void {
    if (this.#pumping || this.#pending.length === 0 || !handle.isConnected()) return;
    this.#pumping = true;
    handle.consume(1, () => {
      this.#pumping = false;
      this.#pump(handle);
    });
  }
}
