// Live envelopes that wait behind a gap until it is repaired. All partitions of an edge share one budget; what does not fit
// is dropped, and shows later as a further gap behind the repaired one: memory is bounded, and nothing is lost.

import { sameCursor } from '../../../schemas/cursor.ts';
import { EnvelopeReader } from '../../../schemas/envelope-reader.ts';

/** What an envelope costs besides its bytes, about. */
const OVERHEAD_BYTES = 512;

export class HoldBudget {
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @returns false when there is no room */
  take(byteCount: number): boolean {
    if (this.#heldBytes + byteCount > this.#limitBytes) return false;
    this.#heldBytes += byteCount;
    return true;
  }

  free(byteCount: number): void {
    this.#heldBytes -= byteCount;
  }
}

/** Of one partition, in the order of their arrival. */
export class HeldEnvelopes {
  readonly #budget: HoldBudget;
  readonly #envelopes: EnvelopeReader[] = [];

  constructor(budget: HoldBudget) {
    this.#budget = budget;
  }

  get first(): EnvelopeReader | null {
    return this.#envelopes[0] ?? null;
  }

  /** @returns false when it was dropped because the budget is used up */
  push(envelope: EnvelopeReader): boolean {
    if (this.#saysNothingNew(envelope)) return true;
    if (!this.#budget.take(costOf(envelope))) return false;
    this.#envelopes.push(ofItsOwn(envelope));
    return true;
  }

  shift(): void {
    const envelope = this.#envelopes.shift();
    if (envelope) this.#budget.free(costOf(envelope));
  }

  clear(): void {
    for (const envelope of this.#envelopes) this.#budget.free(costOf(envelope));
    this.#envelopes.length = 0;
  }

  /** A watermark that only repeats where the last envelope ended: there are several a second, however long it takes. */
  #saysNothingNew({ from, to, epoch, joined }: EnvelopeReader): boolean {
    const last = this.#envelopes.at(-1);
    return last?.epoch === epoch && joined.length === 0 && sameCursor(from, to) && sameCursor(last.to, from);
  }
}

const costOf = ({ byteLength }: EnvelopeReader): number => byteLength + OVERHEAD_BYTES;

/** A short message is mostly a part of a larger buffer of the socket, which it would keep from being freed. */
function ofItsOwn(envelope: EnvelopeReader): EnvelopeReader {
  const { bytes } = envelope;
  return bytes.buffer.byteLength > 2 * bytes.length ? new EnvelopeReader(Buffer.from(bytes)) : envelope;
}
