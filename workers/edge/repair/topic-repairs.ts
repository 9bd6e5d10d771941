// Repairs of one topic: partitions whose lane has a gap get the missing range from Kafka, for all channels of this edge at
// once, and go on where they stopped. Clients notice a delay. Pure: requests, time and effects go through the context.
//
//   gap ─▶ ask ─▶ answers applied in order ─▶ held envelopes applied by the usual rules ─▶ done
//           ▲            │ lost, early end, not run, silence
//           └────────────┘ again, until too many tries in a row brought nothing ─▶ failed
//
// Partitions that wait are asked for together: a restart of Redis costs a few requests for each topic, not one for each gap.

import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import type { ReplayListener } from '../replay-client.ts';
import type { ReplayRanges } from '../replay-merge.ts';
import type { ExpiredRange } from '../replay-output.ts';
import type { TopicLane } from '../topic-lane.ts';
import { HeldEnvelopes, type HoldBudget } from './held-envelopes.ts';
import { PartitionRepair } from './partition-repair.ts';

export interface RepairContext {
  readonly lane: TopicLane;
  readonly budget: HoldBudget;
  /** Requests in a row that may bring nothing. */
  readonly maxTries: number;
  now(): number;
  /** @param patienceMs silence after which it is asked again */
  ask(listener: ReplayListener, ranges: ReplayRanges, patienceMs: number): void;
  release(listener: ReplayListener): void;
  /** Gives an answer's events in (after, to] to the channels joined on its partition, and moves the partition there. */
  applyAnswer(envelope: EnvelopeReader, after: Cursor, to: Cursor): void;
  /** Applies a held envelope by the usual rules. @returns false when there is a gap before it */
  applyHeld(envelope: EnvelopeReader): boolean;
  /** Kafka deleted it: tells everybody joined there, and moves the partition behind it. */
  onExpired(range: ExpiredRange): void;
  /** These channels are not run with the others: each must be completed by itself, and joined again. */
  onNotRun(channels: readonly string[]): void;
  /** The range stays missing: whoever is joined there must resume. Moves the partition behind it. */
  onGivenUp(range: ExpiredRange): void;
  onEvent(event: RepairEvent): void;
}

export type RepairEvent = { readonly partition: number } & (
  | { readonly kind: 'begun'; readonly from: Cursor; readonly to: Cursor }
  /** A range that nobody here will get from the lane. */
  | { readonly kind: 'expired' | 'given_up'; readonly from: Cursor; readonly to: Cursor }
  | { readonly kind: 'ended'; readonly outcome: RepairOutcome; readonly tookMs: number; readonly eventCount: number }
);
export type RepairOutcome = 'done' | 'failed' | 'cancelled';

/** An interest that a worker has not heard of yet is there after a moment; one that stays unknown must not hold up others. */
const MAX_TRIES_NOT_RUN = 5;

/**
 * How long the first request is waited for; each further one twice as long. After a restart of Redis, requests get lost and
 * workers do not know the interest for a moment, and all clients of the topic wait.
 */
const FIRST_PATIENCE_MS = 1000;

/** What one request has brought for a partition. */
interface Part {
  readonly repair: PartitionRepair;
  /** Channels that are known to have been run. */
  readonly run: Set<string>;
  hasProgressed: boolean;
}

class RepairRequest implements ReplayListener {
  readonly parts: Map<number, Part>;
  readonly onReplayEnvelope: (envelope: EnvelopeReader) => void;
  readonly onReplayStalled: () => void;

  constructor(
    repairs: readonly PartitionRepair[],
    onEnvelope: (request: RepairRequest, envelope: EnvelopeReader) => void,
    onStalled: (request: RepairRequest) => void,
  ) {
    this.parts = new Map(repairs.map((repair) => [repair.partition, { repair, run: new Set(), hasProgressed: false }]));
    this.onReplayEnvelope = (envelope) => onEnvelope(this, envelope);
    this.onReplayStalled = () => onStalled(this);
  }
}

export class TopicRepairs {
  readonly #context: RepairContext;
  readonly #repairs = new Map<number, PartitionRepair>();
  readonly #requests = new Set<RepairRequest>();

  constructor(context: RepairContext) {
    this.#context = context;
  }

  get count(): number {
    return this.#repairs.size;
  }

  isRepairing(partition: number): boolean {
    return this.#repairs.has(partition);
  }

  /**
   * Keeps a live envelope of a partition under repair.
   *
   * @returns false when it was dropped
   */
  hold(envelope: EnvelopeReader): boolean {
    return this.#repairs.get(envelope.partition)?.held.push(envelope) ?? false;
  }

  /**
   * @param envelope the one behind the gap
   * @param after where the gap begins
   * @returns false when the envelope was dropped
   */
  begin(envelope: EnvelopeReader, after: Cursor): boolean {
    const { budget, now, onEvent } = this.#context;
    const { partition, from } = envelope;
    const repair = new PartitionRepair(partition, from, now(), new HeldEnvelopes(budget));
    this.#repairs.set(partition, repair);
    const isHeld = repair.held.push(envelope);
    onEvent({ kind: 'begun', partition, from: after, to: from });
    if (this.#requests.size === 0) this.#ask();
    return isHeld;
  }

  tick(): void {
    for (const repair of [...this.#repairs.values()]) {
      // Whoever missed something is gone, or completes it by itself.
      if (this.#context.lane.joinedOn(repair.partition).size === 0) this.#goOn(repair);
    }
    this.#ask();
  }

  /** The topic is no longer followed. */
  cancel(): void {
    for (const repair of this.#repairs.values()) this.#end(repair, 'cancelled');
    for (const request of this.#requests) this.#context.release(request);
    this.#requests.clear();
  }

  /** Asks for everything that waits for its turn. */
  #ask(): void {
    const { lane, now, ask } = this.#context;
    const due: PartitionRepair[] = [];
    const ranges: ReplayRanges = [];
    for (const repair of this.#repairs.values()) {
      const { partition, target: to } = repair;
      const from = lane.lastOf(partition);
      if (from === null || !repair.isDue(now())) continue;
      due.push(repair);
      ranges.push({ partition, from: [from.offset, from.index], to: [to.offset, to.index] });
    }
    if (due.length === 0) return;
    for (const repair of due) repair.isAsked = true;
    const request = new RepairRequest(due, this.#onEnvelope, this.#onStalled);
    this.#requests.add(request);
    ask(request, ranges, FIRST_PATIENCE_MS * 2 ** Math.max(...due.map(({ tries }) => tries)));
  }

  readonly #onEnvelope = (request: RepairRequest, envelope: EnvelopeReader): void => {
    const part = request.parts.get(envelope.partition);
    if (!part) return;
    if (this.#isCurrent(part.repair)) this.#onAnswer(request, part, envelope);
    if (!this.#isCurrent(part.repair)) request.parts.delete(envelope.partition);
    if (request.parts.size === 0) this.#endRequest(request);
  };

  readonly #onStalled = (request: RepairRequest): void => {
    for (const part of [...request.parts.values()]) {
      if (this.#isCurrent(part.repair)) this.#endPart(request, part, true);
    }
    this.#endRequest(request);
  };

  #onAnswer(request: RepairRequest, part: Part, envelope: EnvelopeReader): void {
    const { repair } = part;
    const isUsable = this.#take(part, envelope);
    if (!this.#isCurrent(repair)) return; // nobody wants the topic any more
    const isComplete = this.#isComplete(repair);
    if (!isUsable || isComplete || envelope.last) this.#endPart(request, part, false);
    if (isComplete) this.#goOn(repair);
  }

  /** @returns false when the rest of the answer is of no use */
  #take(part: Part, envelope: EnvelopeReader): boolean {
    const { lane, applyAnswer, onExpired } = this.#context;
    const { repair, run } = part;
    const { partition } = envelope;
    for (const notice of envelope.joined) if (lane.isWanted(notice)) run.add(notice.channel);
    const last = lane.lastOf(partition);
    if (last === null || compareCursors(envelope.from, last) > 0) return false; // a piece of the answer got lost
    const to = compareCursors(envelope.to, repair.target) < 0 ? envelope.to : repair.target;
    if (compareCursors(to, last) <= 0) return true;
    if (envelope.expired) {
      this.#context.onEvent({ kind: 'expired', partition, from: last, to });
      onExpired({ partition, from: last, to });
    } else {
      if (!this.#wereAllRun(part)) return false;
      repair.eventCount += envelope.eventCount;
      applyAnswer(envelope, last, to);
    }
    part.hasProgressed = true;
    repair.onProgress();
    return true;
  }

  /** A channel that is joined here but was not run, with the generation it has here, would get a hole. */
  #wereAllRun({ repair: { partition, tries }, run }: Part): boolean {
    const notRun = [...this.#context.lane.joinedOn(partition)].filter((channel) => !run.has(channel));
    if (notRun.length === 0) return true;
    if (tries + 1 < Math.min(MAX_TRIES_NOT_RUN, this.#context.maxTries)) return false;
    this.#context.onNotRun(notRun);
    return true;
  }

  #endPart(request: RepairRequest, { repair, hasProgressed }: Part, hasStalled: boolean): void {
    request.parts.delete(repair.partition);
    repair.isAsked = false;
    if (hasProgressed) return;
    repair.onFutileTry(this.#context.now(), hasStalled);
    if (repair.tries >= this.#context.maxTries) this.#giveUp(repair);
  }

  #endRequest(request: RepairRequest): void {
    if (!this.#requests.delete(request)) return;
    this.#context.release(request);
    this.#ask();
  }

  #isCurrent(repair: PartitionRepair): boolean {
    return this.#repairs.get(repair.partition) === repair;
  }

  #isComplete({ partition, target }: PartitionRepair): boolean {
    const last = this.#context.lane.lastOf(partition);
    return last !== null && compareCursors(last, target) >= 0;
  }

  /** What waits behind the range is applied, up to a further gap. */
  #goOn(repair: PartitionRepair): void {
    const { held } = repair;
    for (let envelope = held.first; envelope !== null; envelope = held.first) {
      const isApplied = this.#context.applyHeld(envelope);
      if (!this.#isCurrent(repair)) return; // nobody wants the topic any more
      if (!isApplied) {
        repair.extendTo(envelope.from);
        return;
      }
      held.shift();
    }
    this.#end(repair, repair.hasFailed ? 'failed' : 'done');
  }

  #giveUp(repair: PartitionRepair): void {
    const { partition, target: to } = repair;
    const from = this.#context.lane.lastOf(partition);
    repair.hasFailed = true;
    if (from !== null) {
      this.#context.onEvent({ kind: 'given_up', partition, from, to });
      this.#context.onGivenUp({ partition, from, to });
    }
    if (this.#isCurrent(repair)) this.#goOn(repair);
  }

  #end(repair: PartitionRepair, outcome: RepairOutcome): void {
    const { partition, beganMs, eventCount } = repair;
    repair.held.clear();
    this.#repairs.delete(partition);
    this.#context.onEvent({ kind: 'ended', partition, outcome, tookMs: this.#context.now() - beganMs, eventCount });
  }
}
