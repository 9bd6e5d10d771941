// The kernel: a slab of records in, finished lane envelopes out. No I/O, no clock, no globals; time comes as an argument.
// It decodes each record with avsc and tests the channels one by one; the byte kernel will stand behind this interface.
//
//   applyDelta* ─▶ run(slab) ─▶ envelopes, rejects, nextRecord ── not done? publish, run again from nextRecord
//
// Rules it keeps: ranges of a (lane, partition) are contiguous; an event is transcoded once for each projection, however
// many channels and lanes want it; a join is told in an envelope of its own, between slabs, from where the partition
// stands. A lane that has no event in a slab gets no envelope for it: its range is closed by the next one or by a watermark.

import { afterRecord, type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { MdsError, type MdsErrorCode, reasonOf } from '../../../schemas/errors.ts';
import { type Envelope, type JoinedChannel, writeEnvelope } from '../../../schemas/lane-envelope.ts';
import { SlabReader, type SlabRecord } from '../slab.ts';
import { ENVELOPE_BYTES, type LaneRange } from './lane-range.ts';
import { OpenSlot } from './open-slot.ts';
import type { PlanCompiler } from './plan-compiler.ts';
import type { PlanDelta } from './plan-delta.ts';
import { type PlanFailure, PlanTable } from './plan-table.ts';
import { RecordDecoder } from './record-decoder.ts';
import { matchRecord } from './record-match.ts';

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

export class Kernel {
  readonly #limits: KernelLimits;
  readonly #plans: PlanTable;
  readonly #decoder = new RecordDecoder();
  readonly #slots = new Map<number, OpenSlot>();
  readonly #reported = new Set<string>();

  constructor(compiler: PlanCompiler, limits: KernelLimits) {
    this.#plans = new PlanTable(compiler);
    this.#limits = limits;
  }

  applyDelta(delta: PlanDelta): void {
    switch (delta.kind) {
      case 'schema':
        this.#decoder.addSchema(delta.schemaId, delta.text);
        this.#plans.forgetSchema(delta.schemaId);
        return;
      case 'open': {
        const slot = new OpenSlot(delta);
        this.#slots.set(delta.slot, slot);
        for (const lane of this.#plans.lanesOf(slot.topicId)) {
          for (const [channel, generation] of this.#plans.channelsOf(lane, slot.topicId)) {
            slot.join(lane, channel, generation);
          }
        }
        return;
      }
      case 'close':
        this.#slots.delete(delta.slot);
        return;
      case 'skip':
        this.#slots.get(delta.slot)?.skipTo(delta.from);
        return;
      case 'add':
        if (this.#plans.add(delta) === 'known') return;
        for (const slot of this.#slotsOf(delta.topicId)) slot.join(delta.lane, delta.channel, delta.generation);
        return;
      case 'remove':
        this.#remove(delta.lane, delta.channel, delta.generation);
        return;
      case 'drop-lane':
        for (const { channel, generation } of this.#plans.allOf(delta.lane)) {
          this.#remove(delta.lane, channel, generation);
        }
    }
  }

  run({ slab, firstRecord, output, nowMs, watermark }: KernelRun): KernelResult {
    const reader = slab ? new SlabReader(slab) : null;
    const recordCount = reader?.recordCount ?? 0;
    const writing: Writing = { output, nowMs, envelopes: [], used: 0, pending: 0, neededBytes: 0 };
    const tally = { rejects: [] as Reject[], eventCount: 0, matchCount: 0, failures: [] as PlanFailure[] };
    if (watermark) for (const slot of this.#slots.values()) slot.oweAll();
    let nextRecord = firstRecord;
    let done = this.#writeJoins(writing);
    while (done && reader && nextRecord < recordCount) {
      done = this.#processRecord(reader.record(nextRecord), nextRecord, writing, tally);
      if (done) nextRecord++;
    }
    this.#writeCollected(writing, done);
    done = done && this.#writeOwed(writing);
    const stuck = !done && writing.envelopes.length === 0 && nextRecord === firstRecord;
    return {
      envelopes: writing.envelopes,
      nextRecord,
      done,
      neededBytes: stuck ? writing.neededBytes : 0,
      ...tally,
    };
  }

  *#slotsOf(topicId: number): Iterable<OpenSlot> {
    for (const slot of this.#slots.values()) if (slot.topicId === topicId) yield slot;
  }

  #remove(lane: string, channel: string, generation: number): void {
    const removed = this.#plans.remove(lane, channel, generation);
    if (!removed) return;
    for (const slot of this.#slotsOf(removed.topicId)) slot.leave(lane, channel, removed.wasLast);
  }

  /**
   * Records of a topic that nobody wants are decoded too: a bad record is found when it was written and not when somebody
   * subscribes. Measured: avsc decodes 450,000 MonitoringEvents/s on one core, so that is what an unwanted topic costs.
   *
   * @returns false when the output is full
   */
  #processRecord(
    record: SlabRecord,
    place: number,
    writing: Writing,
    tally: { rejects: Reject[]; eventCount: number; matchCount: number; failures: PlanFailure[] },
  ): boolean {
    const slot = this.#slots.get(record.slot);
    const to = afterRecord(record.offset);
    if (!slot || compareCursors(to, slot.position) <= 0) return true; // closed, or already dealt with
    if (slot.replay && record.offset > slot.replay.until.offset) {
      slot.position = slot.replay.until;
      return true;
    }
    const moveTo = slot.replay && compareCursors(slot.replay.until, to) < 0 ? slot.replay.until : to;
    if (record.value === null) {
      slot.position = moveTo; // a tombstone says that a key is gone; it is no event
      return true;
    }
    try {
      const decoded = this.#decoder.decode(record.value);
      const compiled = this.#plans.compiledFor(slot.topicId, decoded.schema);
      const match = matchRecord(decoded, compiled, slot, record.offset);
      if (!this.#collect(slot, match.hits, record, writing)) return false;
      tally.eventCount += decoded.events.length;
      tally.matchCount += match.hitCount;
      for (const failure of compiled?.failures.values() ?? []) this.#report(failure, tally.failures);
    } catch (error) {
      tally.rejects.push({ record: place, ...rejectOf(error) });
    }
    slot.position = moveTo;
    slot.receivedMs = record.receivedMs;
    this.#writeLongRanges(slot, writing);
    return true;
  }

  /** @returns false when the hits do not fit into the output */
  #collect(
    slot: OpenSlot,
    hits: ReturnType<typeof matchRecord>['hits'],
    record: SlabRecord,
    writing: Writing,
  ): boolean {
    let bytes = 0;
    for (const [range, ofRange] of hits) bytes += range.bytesOf(ofRange);
    if (writing.used + writing.pending + bytes > writing.output.length) {
      if (bytes > this.#limits.recordOutputBytes) {
        throw new MdsError('MDS_RECORD_TOO_LARGE', { bytes, limitBytes: this.#limits.recordOutputBytes });
      }
      writing.neededBytes = bytes;
      return false;
    }
    for (const [range, ofRange] of hits) {
      range.collect(ofRange, record.timestampMs);
      slot.collecting.add(range);
    }
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
        if (range.catchUpBytes(slot.position) > 0) this.#write(slot, range, slot.position, [], writing);
        this.#write(slot, range, slot.position, range.takeJoining(), writing);
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
    this.#write(slot, range, slot.position, [], writing);
  }

  /** @returns false when the output is full */
  #writeOwed(writing: Writing): boolean {
    for (const slot of this.#slots.values()) {
      for (const range of slot.ranges()) {
        if (!range.owed) continue;
        if (!fits(writing, ENVELOPE_BYTES)) return false;
        this.#write(slot, range, slot.position, [], writing);
        range.owed = false;
      }
    }
    return true;
  }

  #write(slot: OpenSlot, range: LaneRange, to: Cursor, joined: readonly JoinedChannel[], writing: Writing): void {
    const envelope: Envelope = {
      ...slot.header,
      ...range.take(to),
      receivedMs: slot.receivedMs,
      publishedMs: writing.nowMs,
      last: false,
      expired: false,
      joined,
    };
    const position = writing.used;
    const length = writeEnvelope(envelope, writing.output, position);
    writing.used += length;
    const { slot: slotNumber, topicId, partition } = slot;
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
