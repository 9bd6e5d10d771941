// The partitions of this worker: begins those it is granted, gives back those that are taken from it.
//
//   granted:  interest of all edges ─▶ start offset ─▶ kernel opens it, every lane is told ─▶ consume
//   revoked:  no more records ─▶ what was received is published ─▶ commit ─▶ forget it        (two-phase release)
//   lost:     forget it at once, drop what is under way: somebody else may own it
//
// A release that takes too long ends as a loss, before the leader gives the partition to somebody else: who lets go late
// must not commit over the next owner (docs/decisions/0014).

import type { KafkaConsumer } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import { retry } from '../../platform/retry.ts';
import type {
  Assignment,
  CatalogTopic,
  PartitionGrant,
  PartitionPlace,
  ReleasedPartition,
} from '../../schemas/coordination.ts';
import { beforeRecord } from '../../schemas/cursor.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { CommitLog } from './commit-log.ts';
import type { ConsumerLoop } from './consumer-loop.ts';
import type { OffsetCommitter } from './offset-committer.ts';
import { OwnedPartition, partitionKey } from './owned-partition.ts';
import { PartitionPreparer } from './partition-preparer.ts';
import { inRange } from './range-watch.ts';
import type { SlabPipeline } from './slab-pipeline.ts';

const OPEN_RETRY = { baseMs: 50, maxMs: 1000 } as const;
/** A commit at release is tried this long; without it the next owner sends a little again, which the edges skip. */
const RELEASE_COMMIT = { baseMs: 50, maxMs: 500, timeoutMs: 6000 } as const;
/**
 * 7 s: with the 2.5 s of the lease within which a revocation is read at the latest, less than the 10 s after which the
 * leader gives the partition away.
 */
const RELEASE_DEADLINE_MS = 7000;
/** How long a heartbeat names what was given back: a leader that is there reads it within one. */
const RELEASED_TOLD_MS = 10_000;

export interface PartitionOwnerOptions {
  readonly pipelines: readonly SlabPipeline[];
  readonly consumer: Pick<KafkaConsumer, 'committed' | 'queryWatermarkOffsets'>;
  readonly loop: Pick<ConsumerLoop, 'begin' | 'end'>;
  readonly commitLog: CommitLog;
  readonly committer: Pick<OffsetCommitter, 'commitAll'>;
  /** Everything the edges want is known to the pipelines when it resolves. */
  readonly readInterest: () => Promise<void>;
  readonly topic: (topicId: number) => Promise<CatalogTopic | undefined>;
  readonly log: Logger;
  /** Something changed that the leader wants to know at once. */
  readonly onChange: () => void;
  /** A step failed that cannot fail: the process must end. */
  readonly onFailure: (error: unknown) => void;
}

export class PartitionOwner {
  readonly #options: PartitionOwnerOptions;
  readonly #byKey = new Map<string, OwnedPartition>();
  readonly #bySlot = new Map<number, OwnedPartition>();
  readonly #released = new Map<string, ReleasedPartition>();
  readonly #preparer: PartitionPreparer;
  #wanted: ReadonlyMap<string, PartitionGrant> = new Map();
  #nextSlot = 0;
  #revision = 0;
  #appliedRevision = 0;
  #isDraining = false;

  constructor(options: PartitionOwnerOptions) {
    this.#options = options;
    this.#preparer = new PartitionPreparer({ ...options, onReady: options.onChange });
  }

  /** Revision of the last assignment of which everything revoked has been given back. */
  get appliedRevision(): number {
    return this.#appliedRevision;
  }

  partitions(): Iterable<OwnedPartition> {
    return this.#byKey.values();
  }

  get count(): number {
    return this.#byKey.size;
  }

  /** Given back within the last seconds. */
  released(): ReleasedPartition[] {
    return [...this.#released.values()];
  }

  /** What may be granted next and could be begun at once. */
  prepared(): PartitionPlace[] {
    return this.#preparer.ready();
  }

  bySlot(slot: number): OwnedPartition | undefined {
    return this.#bySlot.get(slot);
  }

  /**
   * @param isProven false when this worker may have been taken for dead since the assignment before: then what it does not
   * own any more is dropped, not given back
   */
  apply({ revision, partitions, next = [] }: Assignment, isProven: boolean): void {
    const wanted = new Map(partitions.map((grant) => [partitionKey(grant.topicId, grant.partition), grant]));
    this.#wanted = wanted; // before anything is forgotten: what is forgotten is begun again when it is wanted
    for (const owned of [...this.#byKey.values()]) {
      const epoch = wanted.get(owned.key)?.epoch;
      if (epoch === owned.grant.epoch) continue;
      if (epoch === undefined && isProven) this.#release(owned);
      else this.#drop(owned);
    }
    this.#revision = revision;
    this.#openWanted();
    if (!this.#isDraining) this.#preparer.prepare(next);
    this.#noteApplied();
  }

  /** Takes nothing new from now on. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Gives everything back without being told to. */
  releaseAll(): void {
    this.#wanted = new Map();
    for (const owned of [...this.#byKey.values()]) this.#release(owned);
  }

  /** Continues at another offset, because the records before it are gone. */
  async moveTo(owned: OwnedPartition, offset: number): Promise<void> {
    const { loop, commitLog } = this.#options;
    await loop.end(owned);
    await commitLog.settledAll(owned.slot); // what was received still comes before the hole
    if (owned.state !== 'running') return;
    owned.nextOffset = offset;
    commitLog.skip(owned.slot, offset);
    owned.pipeline.apply({ kind: 'skip', slot: owned.slot, from: beforeRecord(offset) });
    await loop.begin(owned);
    if (owned.state !== 'running') await loop.end(owned);
  }

  #openWanted(): void {
    if (this.#isDraining) return;
    for (const [key, grant] of this.#wanted) if (!this.#byKey.has(key)) this.#open(grant);
  }

  #open(grant: PartitionGrant): void {
    const { pipelines } = this.#options;
    const pipeline = pipelines[(grant.topicId * 31 + grant.partition) % pipelines.length];
    if (!pipeline) throw new Error('there is no kernel thread');
    const owned = new OwnedPartition(grant, this.#nextSlot++, pipeline);
    this.#released.delete(owned.key);
    this.#byKey.set(owned.key, owned);
    this.#bySlot.set(owned.slot, owned);
    this.#begin(owned).catch(this.#options.onFailure);
  }

  async #begin(owned: OwnedPartition): Promise<void> {
    const { loop, commitLog, log, onChange } = this.#options;
    const start = await retry(() => this.#prepare(owned), {
      ...OPEN_RETRY,
      attempts: 'forever',
      isRetryable: () => owned.state === 'opening',
      onRetry: (error, attempt) => {
        if (attempt === 3)
          log.warn({ ...owned.grant, reason: reasonOf(error) }, 'a partition cannot be begun, retrying');
      },
    }).catch((error: unknown) => {
      if (owned.state === 'opening') throw error;
      return null;
    });
    if (start === null || owned.state !== 'opening') return;
    owned.nextOffset = start;
    owned.state = 'running';
    commitLog.open(owned.slot, start);
    owned.pipeline.apply({ kind: 'open', slot: owned.slot, ...owned.grant, from: beforeRecord(start) });
    await loop.begin(owned);
    log.info({ ...owned.grant, offset: start }, 'partition begun');
    onChange();
  }

  /** @returns the offset to begin with */
  async #prepare(owned: OwnedPartition): Promise<number> {
    const { consumer, readInterest, topic, log } = this.#options;
    const { topicId, partition } = owned.grant;
    const found = await topic(topicId);
    if (!found) throw new MdsError('MDS_NOT_FOUND', { what: 'topic', id: topicId });
    owned.topic = found;
    const { startOffset } = owned.grant;
    if (startOffset !== undefined) {
      await readInterest();
      return startOffset; // the owner before was there a moment ago, so Kafka has it
    }
    const place = { topic: found.kafkaTopic, partition };
    const [[committed], range] = await Promise.all([
      consumer.committed([place]),
      consumer.queryWatermarkOffsets(place.topic, partition),
      readInterest(),
    ]);
    const wanted = committed?.offset ?? range.lowOffset;
    const start = inRange(wanted, range);
    if (start !== wanted) {
      log.error(
        { ...place, committed: wanted, continuesAt: start },
        'Kafka no longer has the records after the commit',
      );
    }
    return start;
  }

  #release(owned: OwnedPartition): void {
    if (owned.state === 'opening') this.#drop(owned);
    if (owned.state !== 'running') return;
    owned.state = 'releasing';
    const deadline = setTimeout(() => this.#drop(owned), RELEASE_DEADLINE_MS);
    this.#giveBack(owned)
      .finally(() => clearTimeout(deadline))
      .catch(this.#options.onFailure);
  }

  async #giveBack(owned: OwnedPartition): Promise<void> {
    const { loop, commitLog, committer, log } = this.#options;
    await loop.end(owned);
    await commitLog.settledAll(owned.slot);
    if (owned.isClosed) return;
    await retry(
      async () => {
        if (owned.isClosed || (await committer.commitAll())) return;
        throw new MdsError('MDS_TIMEOUT', { operation: 'Committing offsets', timeoutMs: RELEASE_COMMIT.timeoutMs });
      },
      { ...RELEASE_COMMIT, attempts: 'forever' },
    ).catch((error: unknown) => {
      log.warn({ ...owned.grant, reason: reasonOf(error) }, 'partition is given back without a last commit');
    });
    if (owned.isClosed) return;
    this.#tellReleased(owned);
    this.#forget(owned);
    log.info({ ...owned.grant, nextOffset: owned.nextOffset }, 'partition given back');
  }

  #tellReleased({ key, grant: { topicId, partition, epoch }, nextOffset }: OwnedPartition): void {
    const released = { topicId, partition, epoch, nextOffset };
    this.#released.set(key, released);
    setTimeout(() => {
      if (this.#released.get(key) === released) this.#released.delete(key);
    }, RELEASED_TOLD_MS).unref();
  }

  #drop(owned: OwnedPartition): void {
    if (owned.isClosed) return;
    const wasRunning = owned.state === 'running';
    this.#options.log.warn({ ...owned.grant, state: owned.state }, 'partition lost');
    this.#forget(owned);
    if (wasRunning) this.#options.loop.end(owned).catch(this.#options.onFailure);
  }

  #forget(owned: OwnedPartition): void {
    if (owned.isClosed) return;
    owned.state = 'closed';
    if (this.#byKey.get(owned.key) === owned) this.#byKey.delete(owned.key);
    this.#bySlot.delete(owned.slot);
    this.#options.commitLog.close(owned.slot);
    owned.pipeline.apply({ kind: 'close', slot: owned.slot });
    this.#openWanted(); // it may have been granted again while it was given back
    this.#noteApplied();
    this.#options.onChange();
  }

  #noteApplied(): void {
    for (const { state } of this.#byKey.values()) if (state === 'releasing') return;
    this.#appliedRevision = this.#revision;
  }
}
