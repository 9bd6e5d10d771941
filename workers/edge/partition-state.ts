// The lane contract at the edge, for one (topic, partition): which envelopes are applied, from which cursor on, and who
// has lost something. Pure: no clock, no I/O. Everything about "no hole, no duplicate" on the live path is decided here.
//
//            last                      envelope (from, to]
//   ──────────┤        from == last    ├─────────┤            apply
//   ──────────┤        from <  last  ├───┼───────┤            overlap: apply what is behind `last`
//   ──────────┤        from >  last        ├───────┤          gap: whoever was joined has lost (last, from]

import { type Cursor, compareCursors } from '../../schemas/cursor.ts';
import type { EnvelopeHeader, JoinedChannel } from '../../schemas/lane-envelope.ts';

/** The part of an envelope that the rules look at. */
export type LaneRange = Pick<EnvelopeHeader, 'epoch' | 'from' | 'to'> & { readonly joined: readonly JoinedChannel[] };

export type IgnoredReason =
  /** No channel of this topic is joined yet: there is nobody to give it to. */
  | 'no_baseline'
  /** A former owner that does not know yet that it was replaced. */
  | 'zombie'
  /** Sent twice, or late. */
  | 'already_applied';

export interface AppliedStep {
  readonly kind: 'applied';
  /** Events at or before this cursor were applied earlier, or belong to a gap. */
  readonly after: Cursor;
  readonly to: Cursor;
  /** Channels that this envelope joined, with the generation that was wanted. */
  readonly joined: readonly string[];
  /** Channels whose stream has a hole before `after`: live subscriptions on them must resume. */
  readonly lost: readonly string[];
  /** Part of `lost`: no longer joined either, because the notice was lost; they must be asked for again. */
  readonly unjoined: readonly string[];
  /** True when earlier envelopes went missing: notices for channels that still wait may have been among them. */
  readonly missed: boolean;
}
export type Step = AppliedStep | { readonly kind: 'ignored'; readonly reason: IgnoredReason };

/** Tells whether the edge wants this channel in exactly this generation. */
export type IsWanted = (notice: JoinedChannel) => boolean;

export class PartitionState {
  #epoch = 0;
  #last: Cursor | null = null;
  /** Channels that are complete on this lane from some cursor ≤ last on. */
  readonly #joined = new Set<string>();

  /** How far the partition has been applied; null while nothing of it is followed. */
  get last(): Cursor | null {
    return this.#last;
  }

  isJoined(channel: string): boolean {
    return this.#joined.has(channel);
  }

  /** The channel is no longer wanted, or is asked for anew. */
  forget(channel: string): void {
    this.#joined.delete(channel);
  }

  apply(range: LaneRange, isWanted: IsWanted): Step {
    const notices = range.joined.filter(isWanted).map(({ channel }) => channel);
    if (this.#last === null) return this.#begin(range, notices);
    if (range.epoch < this.#epoch) return { kind: 'ignored', reason: 'zombie' };
    const order = compareCursors(range.from, this.#last);
    if (range.epoch > this.#epoch) return this.#changeOwner(range, notices, order);
    if (order < 0 && compareCursors(range.to, this.#last) <= 0) return { kind: 'ignored', reason: 'already_applied' };
    // A notice for a channel that is joined already: the worker had forgotten it, for who knows how long.
    const rejoined = notices.filter((channel) => this.#joined.has(channel));
    const lost = order > 0 ? [...this.#joined] : rejoined;
    return this.#advance(range, order, notices, { lost, unjoined: [] });
  }

  #begin(range: LaneRange, notices: readonly string[]): Step {
    if (notices.length === 0) return { kind: 'ignored', reason: 'no_baseline' };
    this.#last = range.from;
    return this.#advance(range, 0, notices, { lost: [], unjoined: [] });
  }

  /** A new owner names every channel it knows in its first envelope; one it does not name was not matched by it. */
  #changeOwner(range: LaneRange, notices: readonly string[], order: number): Step {
    const named = new Set(notices);
    const unjoined = [...this.#joined].filter((channel) => !named.has(channel));
    const lost = order > 0 ? [...this.#joined] : unjoined;
    for (const channel of unjoined) this.#joined.delete(channel);
    return this.#advance(range, order, notices, { lost, unjoined });
  }

  #advance(
    range: LaneRange,
    order: number,
    notices: readonly string[],
    { lost, unjoined }: Pick<AppliedStep, 'lost' | 'unjoined'>,
  ): AppliedStep {
    const last = this.#last ?? range.from;
    const after = order > 0 ? range.from : last;
    const to = compareCursors(range.to, after) > 0 ? range.to : after;
    const joined = notices.filter((channel) => !this.#joined.has(channel));
    for (const channel of joined) this.#joined.add(channel);
    this.#epoch = range.epoch;
    this.#last = to;
    return { kind: 'applied', after, to, joined, lost, unjoined, missed: order > 0 || unjoined.length > 0 };
  }
}
