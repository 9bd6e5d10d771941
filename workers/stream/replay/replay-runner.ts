// Answers replay requests, several from one reading: reads their ranges from Kafka once, runs the channels of each over what
// lies in its ranges, sends the envelopes to its lane.
//
//   per request and partition:  first envelope, envelope*, last envelope        contiguous, from range.from on
//
// An answer stops early, with `last` and a `to` before the end of the range, when it is long enough, has taken its share of
// time, or has to make room for a shorter one; the edge then asks for the rest when its client has read. So one client's
// long past delays nobody else's.

import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaConsumer, KafkaMessage } from '../../../platform/kafka.ts';
import type { Logger } from '../../../platform/log.ts';
import type { CatalogTopic, ReplayRequest } from '../../../schemas/coordination.ts';
import { type Cursor, compareCursors, sameCursor } from '../../../schemas/cursor.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { type Envelope, envelopeByteLength, writeEnvelope } from '../../../schemas/lane-envelope.ts';
import type { ReplayBudget } from './replay-budget.ts';
import type { ReplayKernel, WantedRecord } from './replay-kernel.ts';
import { firstOffsetAfter, planRange } from './replay-range.ts';
import { type ReplayChannel, ReplayRun } from './replay-run.ts';

/** Time one reading gets before the next one's turn. */
const SHARE_MS = 1000;
/** Time it gets when a shorter one waits: enough for a few polls, so that it still gets on. */
const SHORT_SHARE_MS = 100;
const POLL_RECORDS = 500;

export type ReplayOutcome = 'done' | 'refused';

export interface ReplayRunnerOptions {
  readonly consumer: KafkaConsumer;
  readonly kernel: ReplayKernel;
  /** @param partitions how many it must have by now */
  readonly topic: (topicId: number, partitions: number) => Promise<CatalogTopic | undefined>;
  /** What an edge wants of a topic; null when nothing is known of the edge. */
  readonly interestOf: (edgeId: string, topicId: number) => Promise<readonly ReplayChannel[] | null>;
  readonly send: (lane: string, envelopes: readonly Uint8Array[]) => Promise<void>;
  readonly budget: ReplayBudget;
  /** Live delivery waits for room: replays take less. */
  readonly isLiveHeldUp: () => boolean;
  /** Bytes of records taken from Kafka, once however many requests they answered. */
  readonly onScanned: (bytes: number) => void;
  readonly log: Logger;
  /** ms since 1970. */
  readonly now: () => number;
}

interface WatermarkOffsets {
  readonly lowOffset: number;
  readonly highOffset: number;
}

export class ReplayRunner {
  readonly #options: ReplayRunnerOptions;
  #active: readonly ReplayRun[] = [];
  /** Slots and scopes are never used again. */
  #nextNumber = 1;

  constructor(options: ReplayRunnerOptions) {
    this.#options = options;
    options.consumer.handle.on('partition.eof', ({ partition, offset }) => {
      for (const run of this.#active) run.reachedEnd(partition, offset);
    });
  }

  /**
   * @param requests of one topic
   * @param mustYield true when a shorter request waits
   * @returns what became of each
   * @throws when Kafka or Redis cannot be reached: nobody is told, the edges ask again
   */
  async run(requests: readonly ReplayRequest[], mustYield: () => boolean): Promise<ReplayOutcome[]> {
    const [first] = requests;
    const partitions = requests.flatMap(({ ranges }) => ranges.map(({ partition }) => partition + 1));
    const topic = first && (await this.#options.topic(first.topicId, Math.max(...partitions)));
    const found = await Promise.all(requests.map((request) => this.#admit(request, topic)));
    const runs = found.filter((run) => run !== null);
    if (topic && runs.length > 0) await this.#answer(runs, topic.kafkaTopic, mustYield);
    return found.map((run) => (run ? 'done' : 'refused'));
  }

  async #admit(request: ReplayRequest, topic: CatalogTopic | undefined): Promise<ReplayRun | null> {
    const { edgeId, requestId, topicId, ranges } = request;
    const { log, interestOf } = this.#options;
    const partitions = new Set(ranges.map(({ partition }) => partition));
    if (!topic || partitions.size < ranges.length || Math.max(...partitions) >= topic.partitions) {
      log.warn({ edgeId, requestId, topicId }, 'a replay request names a topic or partition there is not');
      return null;
    }
    const channels =
      request.channels === 'interest'
        ? await interestOf(edgeId, topicId)
        : request.channels.map(({ channel, plan }) => ({ channel, plan, generation: 0 }));
    if (channels === null) {
      log.warn({ edgeId, requestId }, 'a repair is asked for by an edge that has written no interest');
      return null;
    }
    return new ReplayRun(request, channels, this.#nextNumber++);
  }

  async #answer(runs: readonly ReplayRun[], topic: string, mustYield: () => boolean): Promise<void> {
    const partitions = new Set(runs.flatMap(({ request }) => request.ranges.map(({ partition }) => partition)));
    const logs = new Map(
      await Promise.all(
        [...partitions].map(
          async (partition) =>
            [partition, await this.#options.consumer.queryWatermarkOffsets(topic, partition)] as const,
        ),
      ),
    );
    await Promise.all(runs.map((run) => this.#sendFirst(run, logs)));
    const reading = runs.filter(({ open }) => open.size > 0);
    this.#active = reading;
    try {
      if (reading.length > 0) await this.#read(reading, topic, mustYield);
    } finally {
      this.#active = [];
      this.#options.consumer.unassign();
    }
  }

  /** Answers what needs no reading; the rest becomes slots. A repair is told which channels are run. */
  async #sendFirst(run: ReplayRun, logs: ReadonlyMap<number, WatermarkOffsets>): Promise<void> {
    const { request, channels } = run;
    const isRepair = request.channels === 'interest';
    const joined = isRepair ? channels : [];
    const first: Uint8Array[] = [];
    for (const { partition, from, to } of request.ranges) {
      const range = { from: cursorOf(from), to: cursorOf(to) };
      const log = logs.get(partition) ?? { lowOffset: 0, highOffset: 0 };
      const { expiredTo, from: position, until } = planRange(range, log);
      const isDone = channels.length === 0 || compareCursors(position, until) >= 0;
      if (expiredTo) {
        const last = isDone && sameCursor(expiredTo, until);
        first.push(this.#envelope(request, partition, range.from, expiredTo, { expired: true, last }, joined));
        if (isDone && !last) first.push(this.#envelope(request, partition, expiredTo, until, LAST));
      } else if (isDone || isRepair) {
        const end = isDone ? until : position;
        first.push(this.#envelope(request, partition, position, end, { expired: false, last: isDone }, joined));
      }
      if (isDone) continue;
      const nextOffset = firstOffsetAfter(position);
      run.open.set(partition, { slot: this.#nextNumber++, partition, until, position, nextOffset, isRead: false });
    }
    if (first.length > 0) await this.#options.send(request.edgeId, first);
  }

  async #read(runs: readonly ReplayRun[], topic: string, mustYield: () => boolean): Promise<void> {
    const { consumer, kernel, now, budget, isLiveHeldUp, onScanned } = this.#options;
    const startedMs = now();
    const slots = new Map(runs.map((run) => [run, [...run.open.values()]]));
    await kernel.begin(runs);
    try {
      consumer.assign(startsOf(runs).map(([partition, offset]) => ({ topic, partition, offset })));
      const reading = new Set(startsOf(runs).map(([partition]) => partition));
      let readBytes = 0;
      for (let going = [...runs]; going.length > 0; ) {
        const messages = await consumer.consume(POLL_RECORDS);
        const bytes = messages.reduce((sum, { size }) => sum + size, 0);
        onScanned(bytes);
        readBytes += bytes;
        await kernel.process(wantedOf(going, messages));
        const elapsedMs = now() - startedMs;
        const isOver = elapsedMs >= SHARE_MS || (elapsedMs >= SHORT_SHARE_MS && readBytes > 0 && mustYield());
        await Promise.all(going.map((run) => this.#endRead(run, isOver)));
        going = going.filter(({ open }) => open.size > 0);
        this.#leave(reading, going, topic);
        const waitMs = budget.spend(bytes, now(), isLiveHeldUp());
        if (waitMs > 0) await delay(waitMs);
      }
    } finally {
      for (const [run, ofRun] of slots) await kernel.end(run, ofRun);
    }
  }

  /** Partitions that nobody wants more of are not fetched further. */
  #leave(reading: Set<number>, runs: readonly ReplayRun[], topic: string): void {
    const left = [...reading].filter((partition) => !runs.some(({ open }) => open.has(partition)));
    if (left.length === 0 || left.length === reading.size) return; // all of them: the assignment ends with the reading
    for (const partition of left) reading.delete(partition);
    this.#options.consumer.incrementalUnassign(left.map((partition) => ({ topic, partition })));
  }

  /** Sends the last envelope of each partition that is read, or of all when the answer is over. */
  async #endRead(run: ReplayRun, isOver: boolean): Promise<void> {
    const { request, open } = run;
    const endsAll = isOver || run.sentBytes >= request.maxBytes;
    const last: Uint8Array[] = [];
    for (const { partition, isRead, until, position } of [...open.values()]) {
      if (!isRead && !endsAll) continue;
      open.delete(partition);
      last.push(this.#envelope(request, partition, position, isRead ? until : position, LAST));
    }
    if (last.length > 0) await this.#options.send(request.edgeId, last);
  }

  #envelope(
    { topicId, requestId }: ReplayRequest,
    partition: number,
    from: Cursor,
    to: Cursor,
    flags: { readonly last: boolean; readonly expired: boolean },
    joined: readonly ReplayChannel[] = [],
  ): Uint8Array {
    const nowMs = this.#options.now();
    const envelope: Envelope = {
      kind: 'replay',
      topicId,
      partition,
      epoch: 0,
      requestId,
      from,
      to,
      oldestRecordMs: 0,
      receivedMs: nowMs,
      publishedMs: nowMs,
      ...flags,
      joined,
      events: [],
      channels: [],
    };
    const bytes = new Uint8Array(envelopeByteLength(envelope));
    writeEnvelope(envelope, bytes, 0);
    return bytes;
  }
}

const LAST = { last: true, expired: false } as const;

/** Where the reading of each partition begins. */
function startsOf(runs: readonly ReplayRun[]): [number, number][] {
  const starts = new Map<number, number>();
  for (const { open } of runs) {
    for (const { partition, nextOffset } of open.values()) {
      starts.set(partition, Math.min(nextOffset, starts.get(partition) ?? nextOffset));
    }
  }
  return [...starts];
}

function wantedOf(runs: readonly ReplayRun[], messages: readonly KafkaMessage[]): WantedRecord[] {
  return messages.flatMap((message) =>
    runs.flatMap((run) => {
      const slot = run.take(message);
      return slot ? [{ slot, message }] : [];
    }),
  );
}

function cursorOf([offset, index]: readonly [number, number]): Cursor {
  if (!Number.isSafeInteger(offset)) throw new MdsError('MDS_COORDINATION_CORRUPT', { reason: `offset ${offset}` });
  return { offset, index };
}
