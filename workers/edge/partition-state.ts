// The lane contract at the edge, for one (topic, partition): which envelopes are applied, from which cursor on, and who
// has lost something. Pure: no clock, no I/O. Everything about "no hole, no duplicate" on the live path is decided here.
//
//            last                      envelope (from, to]
//   ──────────┤        from == last    ├─────────┤            apply
//   ──────────┤        from <  last  ├───┼───────┤            overlap: apply what is behind `last`
//   ──────────┤        from >  last        ├───────┤          gap: nothing is applied until (last, from] is repaired

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
  /** Events at or before this cursor were applied earlier, or concern nobody. */
  readonly after: Cursor;
  readonly to: Cursor;
  /** Channels that this envelope joined, with the generation that was wanted. */
  readonly joined: readonly string[];
  /** Channels that its owner had forgotten for a while, and matches again behind `after`. */
  readonly rejoined: readonly string[];
  /** Channels that a new owner does not match: no longer joined, they must be asked for again. Complete up to `after`. */
  readonly unjoined: readonly string[];
  /** True when notices for channels that still wait may have gone missing. */
  readonly missed: boolean;
}
export type Step =
  | AppliedStep
  | { readonly kind: 'ignored'; readonly reason: IgnoredReason }
  /** Channels joined here lack what lies between `after` and the envelope. Nothing has changed. */
  | { readonly kind: 'gap'; readonly after: Cursor };

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

  get joined(): ReadonlySet<string> {
    return this.#joined;
  }

  /** The channel is no longer wanted, or is asked for anew. */
  forget(channel: string): void {
    this.#joined.delete(channel);
  }

  /** Everything up to here came another way, or never will. */
  moveTo(cursor: Cursor): void {
    this.#last = cursor;
  }

  apply(range: LaneRange, isWanted: IsWanted): Step {
    const notices = range.joined.filter(isWanted).map(({ channel }) => channel);
    if (this.#last === null) return this.#begin(range, notices);
    if (range.epoch < this.#epoch) return { kind: 'ignored', reason: 'zombie' };
    const order = compareCursors(range.from, this.#last);
    if (order > 0 && this.#joined.size > 0) return { kind: 'gap', after: this.#last };
    if (range.epoch > this.#epoch) return this.#changeOwner(range, notices, order);
    if (order < 0 && compareCursors(range.to, this.#last) <= 0) return { kind: 'ignored', reason: 'already_applied' };
    return this.#advance(range, order, notices, { rejoined: this.#forgotten(notices), unjoined: [] });
  }

  #begin(range: LaneRange, notices: readonly string[]): Step {
    if (notices.length === 0) return { kind: 'ignored', reason: 'no_baseline' };
    this.#last = range.from;
    return this.#advance(range, 0, notices, { rejoined: [], unjoined: [] });
  }

  /** A new owner names every channel it knows in its first envelope; one it does not name was not matched by it. */
  #changeOwner(range: LaneRange, notices: readonly string[], order: number): Step {
    const named = new Set(notices);
    const unjoined = [...this.#joined].filter((channel) => !named.has(channel));
    for (const channel of unjoined) this.#joined.delete(channel);
    return this.#advance(range, order, notices, { rejoined: [], unjoined });
  }

  /**
   * A notice for a channel that is joined already: the owner had forgotten it, for who knows how long. When it names all
   * of them, it had forgotten the whole lane; it sent nothing meanwhile, so that ranges show what is missing.
   */
  #forgotten(notices: readonly string[]): string[] {
    const again = notices.filter((channel) => this.#joined.has(channel));
    return again.length === this.#joined.size ? [] : again;
  }

  #advance(
    range: LaneRange,
    order: number,
    notices: readonly string[],
    { rejoined, unjoined }: Pick<AppliedStep, 'rejoined' | 'unjoined'>,
  ): AppliedStep {
    const last = this.#last ?? range.from;
    const after = order > 0 ? range.from : last;
    const to = compareCursors(range.to, after) > 0 ? range.to : after;
    const joined = notices.filter((channel) => !this.#joined.has(channel));
    for (const channel of joined) this.#joined.add(channel);
    this.#epoch = range.epoch;
    this.#last = to;
    return { kind: 'applied', after, to, joined, rejoined, unjoined, missed: order > 0 || unjoined.length > 0 };
  }
}
