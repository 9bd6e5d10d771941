// The kernel: a slab of records in, finished lane envelopes out. No I/O, no clock, no globals; time comes as an argument.
// Nothing is decoded: generated code walks each record's bytes, an index finds the channels that want an event, and only
// what matched is transcoded (topic-matcher.ts).
//
//   applyDelta* ─▶ run(slab) ─▶ envelopes, rejects, nextRecord ── not done? publish, run again from nextRecord
//
// Rules it keeps: ranges of a (lane, partition) are contiguous; an event is transcoded once for each projection, however
// many channels and lanes want it; a join is told in an envelope of its own, between slabs, from where the partition
// stands. A lane that has no event in a slab gets no envelope for it: its range is closed by the next one or by a watermark.

import { CONFLUENT_HEADER_BYTES } from '../../../schemas/confluent-wire.ts';
import { afterRecord, compareCursors } from '../../../schemas/cursor.ts';
import { MdsError, type MdsErrorCode, reasonOf } from '../../../schemas/errors.ts';
import { HEADER_BYTES } from '../../../schemas/lane-envelope.ts';
import { SlabReader } from '../slab.ts';
import type { PlanFailure } from './channel.ts';
import type { LaneRange } from './lane-range.ts';
import { OpenSlot } from './open-slot.ts';
import type { PlanDelta } from './plan-delta.ts';
import { PlanTable } from './plan-table.ts';
import { RecordCollector } from './record-collector.ts';
import { TopicMatcher } from './topic-matcher.ts';
import { JsonSink } from './transcode/json-sink.ts';
import { WriterSchemas } from './writer-schemas.ts';

export type { PlanFailure } from './channel.ts';

export interface KernelLimits {
  /** A lane's envelope is finished behind the record that makes it this long. */
  readonly envelopeBytes: number;
  /** A record whose output alone is longer than this is a reject. */
  readonly recordOutputBytes: number;
}

export interface KernelRun {
  /** Absent: only joins and watermarks. */
  readonly slab?: SharedArrayBuffer;
  /** Where to begin in the slab: 0, or `nextRecord` of the run before. */
  readonly firstRecord: number;
  readonly output: Uint8Array;
  /** Becomes `publishedMs` of the envelopes, ms since 1970. */
  readonly nowMs: number;
  /** True: every lane gets an envelope up to where the partition stands, empty or not. */
  readonly watermark: boolean;
}

/** A finished envelope in the output. */
export interface EnvelopePlace {
  readonly lane: string;
  readonly slot: number;
  readonly topicId: number;
  readonly partition: number;
  readonly position: number;
  readonly length: number;
}

export interface Reject {
  /** Place in the slab. */
  readonly record: number;
  readonly code: MdsErrorCode;
  readonly message: string;
}

export interface KernelResult {
  /** In the order in which they must be published. */
  readonly envelopes: readonly EnvelopePlace[];
  readonly rejects: readonly Reject[];
  /** First record that has not been dealt with. */
  readonly nextRecord: number;
  /** False: the output is full; publish it, then run again from `nextRecord` with the same slab. */
  readonly done: boolean;
  /** Not 0: nothing fits; run again with an output at least this long. */
  readonly neededBytes: number;
  readonly eventCount: number;
  /** Events given to lanes; one event to three channels of a lane is three. */
  readonly matchCount: number;
  readonly failures: readonly PlanFailure[];
}

/** What is being written in one run. */
interface Writing {
  readonly output: Uint8Array;
  readonly nowMs: number;
  readonly envelopes: EnvelopePlace[];
  used: number;
  /** Bytes that the ranges not yet written will need. */
  pending: number;
  neededBytes: number;
}

interface Tally {
  readonly rejects: Reject[];
  eventCount: number;
  matchCount: number;
  readonly failures: PlanFailure[];
}

/** True: what was asked is done; false: the output is full. */
type Outcome = boolean;

export class Kernel {
  readonly #limits: KernelLimits;
  readonly #schemas = new WriterSchemas();
  /** Transcoded events of the run at hand, until their envelopes are written. */
  readonly #sink = new JsonSink();
  readonly #collector: RecordCollector;
  readonly #plans: PlanTable;
  readonly #slots = new Map<number, OpenSlot>();
  readonly #reported = new Set<string>();

  constructor(limits: KernelLimits) {
    this.#limits = limits;
    this.#collector = new RecordCollector(this.#sink, limits.recordOutputBytes);
    this.#plans = new PlanTable((schema) => new TopicMatcher(schema, this.#sink, this.#collector));
  }

  applyDelta(delta: PlanDelta): void {
    switch (delta.kind) {
      case 'schema':
        this.#schemas.add(delta.schemaId, delta.text);
        return;
      case 'open':
        this.#open(new OpenSlot(delta));
        return;
      case 'close':
        this.#slots.delete(delta.slot);
        return;
      case 'skip':
        this.#slots.get(delta.slot)?.skipTo(delta.from);
        return;
      case 'add': {
        const added = this.#plans.add(delta);
        if (!added) return;
        for (const slot of this.#slotsOf(delta.topicId)) slot.join(added.lane, added.channel, added.generation);
        return;
      }
      case 'remove':
        this.#remove(delta.lane, delta.channel, delta.generation, delta.topicId);
        return;
      case 'drop-lane':
        for (const { channel, generation } of this.#plans.allOf(delta.lane)) {
          this.#remove(delta.lane, channel.id, generation);
        }
    }
  }

  run({ slab, firstRecord, output, nowMs, watermark }: KernelRun): KernelResult {
    const reader = slab ? new SlabReader(slab) : null;
    const recordCount = reader?.recordCount ?? 0;
    const writing: Writing = { output, nowMs, envelopes: [], used: 0, pending: 0, neededBytes: 0 };
    const tally: Tally = { rejects: [], eventCount: 0, matchCount: 0, failures: [] };
    this.#sink.reset(output.length);
    if (watermark) for (const slot of this.#slots.values()) slot.oweAll();
    let nextRecord = firstRecord;
    let done = this.#writeJoins(writing);
    while (done && reader && nextRecord < recordCount) {
      done = this.#processRecord(reader, nextRecord, writing, tally);
      if (done) nextRecord++;
    }
    this.#writeCollected(writing, done);
    done = done && this.#writeOwed(writing);
    if (reader) for (const matcher of this.#plans.matchers()) matcher.maintain();
    const stuck = !done && writing.envelopes.length === 0 && nextRecord === firstRecord;
    return {
      envelopes: writing.envelopes,
      nextRecord,
      done,
      neededBytes: stuck ? writing.neededBytes : 0,
      ...tally,
    };
  }

  #open(slot: OpenSlot): void {
    this.#slots.set(slot.slot, slot);
    for (const lane of this.#plans.lanesOf(slot.topicId)) {
      for (const { channel, generation } of this.#plans.channelsOf(lane, slot.topicId)) {
        slot.join(lane, channel, generation);
      }
    }
  }

  *#slotsOf(topicId: number): Iterable<OpenSlot> {
    for (const slot of this.#slots.values()) if (slot.topicId === topicId) yield slot;
  }

  #remove(laneName: string, channel: string, generation: number, topicId?: number): void {
    const removed = this.#plans.remove(laneName, channel, generation, topicId);
    if (!removed) return;
    for (const slot of this.#slotsOf(removed.topicId)) slot.leave(removed.lane, channel, removed.wasLast);
  }

  #processRecord(reader: SlabReader, place: number, writing: Writing, tally: Tally): Outcome {
    const slot = this.#slots.get(reader.slot(place));
    const offset = reader.offset(place);
    if (!slot) return true; // closed
    const to = afterRecord(offset);
    if (compareCursors(to, slot.position) <= 0) return true; // already dealt with
    if (slot.replay && offset > slot.replay.until.offset) {
      slot.position = slot.replay.until;
      return true;
    }
    const length = reader.valueLength(place);
    // A tombstone says that a key is gone; it is no event.
    if (length >= 0 && !this.#processValue(slot, reader, place, writing, tally)) return false;
    slot.position = slot.replay && compareCursors(slot.replay.until, to) < 0 ? slot.replay.until : to;
    if (length < 0) return true;
    slot.receivedMs = reader.receivedMs(place);
    this.#writeLongRanges(slot, writing);
    return true;
  }

  /** A bad record is a reject, whoever wants it; nothing of it reaches a lane. */
  #processValue(slot: OpenSlot, reader: SlabReader, place: number, writing: Writing, tally: Tally): Outcome {
    const collector = this.#collector;
    const { bytes } = reader;
    const start = reader.valueStart(place);
    const end = start + reader.valueLength(place);
    collector.beginRecord(slot, reader.offset(place));
    try {
      const schema = this.#schemas.of(bytes, start, end);
      const matcher = this.#plans.matcherFor(slot.topicId, schema);
      const from = start + CONFLUENT_HEADER_BYTES;
      const count = matcher
        ? matcher.record(bytes, from, end)
        : schema.scanner.record(bytes, from, end, (index) => collector.beginEvent(index) || true);
      if (count < 0) this.#refuseTooLarge();
      if (!this.#keep(reader.timestampMs(place), writing)) return false;
      tally.eventCount += count;
      tally.matchCount += collector.matchCount;
      for (const failure of matcher?.failures.values() ?? []) this.#report(failure, tally.failures);
    } catch (error) {
      collector.drop();
      tally.rejects.push({ record: place, ...rejectOf(error) });
    }
    return true;
  }

  #refuseTooLarge(): never {
    const { recordOutputBytes: limitBytes } = this.#limits;
    throw new MdsError('MDS_RECORD_TOO_LARGE', { bytes: this.#collector.byteLength, limitBytes });
  }

  #keep(timestampMs: number, writing: Writing): Outcome {
    const bytes = this.#collector.byteLength;
    if (bytes === 0) return true;
    if (writing.used + writing.pending + bytes > writing.output.length) {
      this.#collector.drop();
      writing.neededBytes = bytes;
      return false;
    }
    this.#collector.keep(timestampMs);
    writing.pending += bytes;
    return true;
  }

  /** Once for each channel and schema: the caller logs it. */
  #report(failure: PlanFailure, failures: PlanFailure[]): void {
    const key = `${failure.channel}/${failure.schemaId}`;
    if (this.#reported.has(key) || this.#reported.size >= MAX_REPORTED) return;
    this.#reported.add(key);
    failures.push(failure);
  }

  /** @returns false when the output is full */
  #writeJoins(writing: Writing): boolean {
    for (const slot of this.#slots.values()) {
      for (const range of slot.joining) {
        const bytes = range.joinBytes(slot.position);
        if (!fits(writing, bytes)) return false;
        if (range.catchUpBytes(slot.position) > 0) this.#write(slot, range, 'events', writing);
        this.#write(slot, range, 'joins', writing);
        slot.joining.delete(range);
      }
    }
    return true;
  }

  #writeLongRanges(slot: OpenSlot, writing: Writing): void {
    for (const range of slot.collecting) {
      if (range.byteLength >= this.#limits.envelopeBytes) this.#writeCollectedRange(slot, range, writing);
    }
  }

  /**
   * Never too long for the output: `#collect` has kept account.
   *
   * @param isLast no record follows, so these envelopes reach as far as a watermark would
   */
  #writeCollected(writing: Writing, isLast: boolean): void {
    for (const slot of this.#slots.values()) {
      for (const range of slot.collecting) {
        this.#writeCollectedRange(slot, range, writing);
        if (isLast) range.owed = false;
      }
    }
  }

  #writeCollectedRange(slot: OpenSlot, range: LaneRange, writing: Writing): void {
    writing.pending -= range.byteLength;
    slot.collecting.delete(range);
    this.#write(slot, range, 'events', writing);
  }

  /** @returns false when the output is full */
  #writeOwed(writing: Writing): boolean {
    for (const slot of this.#slots.values()) {
      for (const range of slot.ranges()) {
        if (!range.owed) continue;
        if (!fits(writing, HEADER_BYTES)) return false;
        this.#write(slot, range, 'events', writing);
        range.owed = false;
      }
    }
    return true;
  }

  #write(slot: OpenSlot, range: LaneRange, what: 'events' | 'joins', writing: Writing): void {
    const { receivedMs, slot: slotNumber, topicId, partition } = slot;
    const header = { ...slot.header, receivedMs, publishedMs: writing.nowMs, last: false, expired: false };
    const position = writing.used;
    const length = range.write(writing.output, position, header, slot.position, what, this.#sink.bytes);
    writing.used += length;
    writing.envelopes.push({ lane: range.lane, slot: slotNumber, topicId, partition, position, length });
  }
}

/** Failures are reported once; beyond this many, the log has said enough. */
const MAX_REPORTED = 10_000;

function fits(writing: Writing, bytes: number): boolean {
  if (writing.used + writing.pending + bytes <= writing.output.length) return true;
  writing.neededBytes = bytes;
  return false;
}

/** Whatever a record makes the code below throw, the record is the culprit: it is rejected and the next one follows. */
function rejectOf(error: unknown): { code: MdsErrorCode; message: string } {
  const known =
    error instanceof MdsError
      ? error
      : new MdsError('MDS_RECORD_CORRUPT', { reason: reasonOf(error) }, { cause: error });
  return { code: known.code, message: known.message };
}
