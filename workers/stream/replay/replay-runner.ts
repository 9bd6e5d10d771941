// Answers one replay request: reads its ranges from Kafka, runs its channels over them, sends the envelopes to the lane.
//
//   per partition:  [expired envelope] envelope* last envelope        contiguous, from range.from on
//
// It stops early, with `last` and a `to` before the end of the range, when the answer is long enough or has taken its share
// of time; the edge then asks for the rest when its client has read. So one client's long past delays nobody else's.

import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaConsumer } from '../../../platform/kafka.ts';
import type { Logger } from '../../../platform/log.ts';
import type { CatalogTopic, ReplayRequest } from '../../../schemas/coordination.ts';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { type Envelope, envelopeByteLength, writeEnvelope } from '../../../schemas/lane-envelope.ts';
import type { ReplayChannel, ReplayKernel, ReplayRun } from './replay-kernel.ts';
import { firstOffsetAfter, planRange } from './replay-range.ts';

/** Time one request gets before the next one's turn. */
const SHARE_MS = 1000;
const POLL_RECORDS = 500;

export interface ReplayRunnerOptions {
  readonly consumer: KafkaConsumer;
  readonly kernel: ReplayKernel;
  readonly topic: (topicId: number) => Promise<CatalogTopic | undefined>;
  /** What an edge wants of a topic; null when nothing is known of the edge. */
  readonly interestOf: (edgeId: string, topicId: number) => readonly ReplayChannel[] | null;
  readonly send: (lane: string, envelopes: readonly Uint8Array[]) => Promise<void>;
  readonly bytesPerSecond: number;
  readonly log: Logger;
  /** ms since 1970. */
  readonly now: () => number;
}

/** A range that is being read. */
export interface ReplaySlot {
  readonly slot: number;
  readonly partition: number;
  readonly until: Cursor;
  /** Everything up to here has been sent. */
  position: Cursor;
  nextOffset: number;
  /** Kafka has no more records before the end of the range. */
  isRead: boolean;
}

export class ReplayRunner {
  readonly #options: ReplayRunnerOptions;
  #active: Map<number, ReplaySlot> = new Map();
  #nextSlot = 0;

  constructor(options: ReplayRunnerOptions) {
    this.#options = options;
    options.consumer.handle.on('partition.eof', ({ partition, offset }) => {
      const slot = this.#active.get(partition);
      if (slot && offset > slot.until.offset) slot.isRead = true;
    });
  }

  /** @throws when Kafka or Redis cannot be reached: nobody is told, the edge asks again */
  async run(request: ReplayRequest): Promise<'done' | 'refused'> {
    const topic = await this.#options.topic(request.topicId);
    const partitions = new Set(request.ranges.map(({ partition }) => partition));
    const isRefused = !topic || partitions.size < request.ranges.length || Math.max(...partitions) >= topic.partitions;
    if (isRefused) {
      const { edgeId, requestId, topicId } = request;
      this.#options.log.warn(
        { edgeId, requestId, topicId },
        'a replay request names a topic or partition there is not',
      );
      return 'refused';
    }
    const channels = this.#channelsOf(request);
    if (channels === null) {
      const { edgeId, requestId } = request;
      this.#options.log.warn({ edgeId, requestId }, 'a repair is asked for by an edge whose interest is not known');
      return 'refused';
    }
    const slots = await this.#begin(request, topic.kafkaTopic);
    this.#active = new Map(slots.map((slot) => [slot.partition, slot]));
    try {
      if (slots.length > 0) await this.#read({ request, channels }, topic.kafkaTopic, slots);
    } finally {
      this.#active = new Map();
      this.#options.consumer.unassign();
    }
    return 'done';
  }

  #channelsOf({ channels, edgeId, topicId }: ReplayRequest): readonly ReplayChannel[] | null {
    if (channels === 'interest') return this.#options.interestOf(edgeId, topicId);
    return channels.map(({ channel, plan }) => ({ channel, plan, generation: 0 }));
  }

  /** Answers what needs no reading; the rest becomes slots. */
  async #begin(request: ReplayRequest, topic: string): Promise<ReplaySlot[]> {
    const { consumer, send } = this.#options;
    const slots: ReplaySlot[] = [];
    for (const { partition, from, to } of request.ranges) {
      const range = { from: cursorOf(from), to: cursorOf(to) };
      const plan = planRange(range, await consumer.queryWatermarkOffsets(topic, partition));
      const isEmpty = compareCursors(plan.from, plan.until) >= 0;
      const { from: position, until } = plan;
      if (plan.expiredTo) {
        const flags = { expired: true, last: isEmpty };
        await send(request.edgeId, [this.#envelope(request, partition, range.from, plan.expiredTo, flags)]);
      } else if (isEmpty) {
        await send(request.edgeId, [this.#envelope(request, partition, position, position, LAST)]);
      }
      if (isEmpty) continue;
      const nextOffset = firstOffsetAfter(position);
      slots.push({ slot: this.#nextSlot++, partition, until, position, nextOffset, isRead: false });
    }
    return slots;
  }

  async #read(run: ReplayRun, topic: string, slots: readonly ReplaySlot[]): Promise<void> {
    const { request } = run;
    const { consumer, kernel, now, bytesPerSecond } = this.#options;
    const startedMs = now();
    let sentBytes = 0;
    let readBytes = 0;
    await kernel.begin(run, slots);
    try {
      consumer.assign(slots.map(({ partition, nextOffset }) => ({ topic, partition, offset: nextOffset })));
      let open = [...slots];
      while (open.length > 0 && sentBytes < request.maxBytes && now() - startedMs < SHARE_MS) {
        const messages = await consumer.consume(POLL_RECORDS);
        for (const { size } of messages) readBytes += size;
        const inRange = messages.filter((message) => take(this.#active.get(message.partition), message.offset));
        sentBytes += await kernel.process(request, inRange, this.#active);
        open = await this.#endRead(request, open);
        await delay(Math.max(0, (readBytes / bytesPerSecond) * 1000 - (now() - startedMs)));
      }
      for (const slot of open) await this.#sendLast(request, slot, slot.position);
    } finally {
      await kernel.end(run, slots);
    }
  }

  /** @returns the slots that go on */
  async #endRead(request: ReplayRequest, open: readonly ReplaySlot[]): Promise<ReplaySlot[]> {
    const goingOn: ReplaySlot[] = [];
    for (const slot of open) {
      if (slot.isRead) await this.#sendLast(request, slot, slot.until);
      else goingOn.push(slot);
    }
    return goingOn;
  }

  #sendLast(request: ReplayRequest, { partition, position }: ReplaySlot, to: Cursor): Promise<void> {
    return this.#options.send(request.edgeId, [this.#envelope(request, partition, position, to, LAST)]);
  }

  #envelope(
    { topicId, requestId }: ReplayRequest,
    partition: number,
    from: Cursor,
    to: Cursor,
    flags: { readonly last: boolean; readonly expired: boolean },
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
      joined: [],
      events: [],
      channels: [],
    };
    const bytes = new Uint8Array(envelopeByteLength(envelope));
    writeEnvelope(envelope, bytes, 0);
    return bytes;
  }
}

const LAST = { last: true, expired: false } as const;

/** Notes how far the slot has been read. @returns whether the record belongs to its range */
function take(slot: ReplaySlot | undefined, offset: number): boolean {
  if (!slot || offset < slot.nextOffset) return false;
  slot.nextOffset = offset + 1;
  if (offset >= slot.until.offset) slot.isRead = true;
  return offset <= slot.until.offset;
}

function cursorOf([offset, index]: readonly [number, number]): Cursor {
  if (!Number.isSafeInteger(offset)) throw new MdsError('MDS_COORDINATION_CORRUPT', { reason: `offset ${offset}` });
  return { offset, index };
}
