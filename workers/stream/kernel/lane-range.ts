// What one partition has to say to one lane: where the lane stands, the channels whose join it has not been told of, and
// the events collected since its last envelope.

import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { ChannelEvents, EnvelopeEvent, JoinedChannel } from '../../../schemas/lane-envelope.ts';

/** Sizes of the envelope's parts (schemas/lane-envelope.ts); `lane-range.test.ts` holds them against the codec. */
export const ENVELOPE_BYTES = 96;
const EVENT_BYTES = 20;
const CHANNEL_BYTES = 20;
const REF_BYTES = 4;
const JOINED_BYTES = 20;

/** One event for one channel of a lane. */
export interface Hit {
  readonly channel: string;
  readonly event: EnvelopeEvent;
}

export class LaneRange {
  readonly lane: string;
  /** Last `to` of this lane; the next envelope's `from`. */
  to: Cursor;
  /** True when an envelope is owed even if it is empty. */
  owed = false;
  readonly #joining = new Map<string, number>();
  #events: EnvelopeEvent[] = [];
  #refs = new Map<string, number[]>();
  #byteLength = 0;
  #oldestRecordMs = 0;

  constructor(lane: string, to: Cursor) {
    this.lane = lane;
    this.to = to;
  }

  /** Bytes of the envelope that holds what was collected; 0 when nothing was. */
  get byteLength(): number {
    return this.#byteLength;
  }

  get joiningCount(): number {
    return this.#joining.size;
  }

  /** Bytes that the join notices take, with the empty envelope before them that closes the range so far. */
  joinBytes(position: Cursor): number {
    if (this.#joining.size === 0) return 0;
    return this.catchUpBytes(position) + ENVELOPE_BYTES + this.#joining.size * JOINED_BYTES;
  }

  catchUpBytes(position: Cursor): number {
    return compareCursors(this.to, position) < 0 ? ENVELOPE_BYTES : 0;
  }

  join(channel: string, generation: number): void {
    this.#joining.set(channel, generation);
  }

  leave(channel: string): void {
    this.#joining.delete(channel);
  }

  takeJoining(): JoinedChannel[] {
    const joined = [...this.#joining].map(([channel, generation]) => ({ channel, generation }));
    this.#joining.clear();
    return joined;
  }

  /** Bytes by which `hits` would make the envelope longer. */
  bytesOf(hits: readonly Hit[]): number {
    let bytes = this.#byteLength === 0 ? ENVELOPE_BYTES : 0;
    const newChannels = new Set<string>();
    const events = new Set<EnvelopeEvent>();
    for (const { channel, event } of hits) {
      if (!this.#refs.has(channel)) newChannels.add(channel);
      events.add(event);
    }
    for (const event of events) bytes += EVENT_BYTES + event.bytes.length;
    return bytes + newChannels.size * CHANNEL_BYTES + hits.length * REF_BYTES;
  }

  /**
   * @param hits in cursor order; hits that share an event hold the same object
   * @param recordMs timestamp of their record
   */
  collect(hits: readonly Hit[], recordMs: number): void {
    this.#byteLength += this.bytesOf(hits);
    if (this.#events.length === 0 || recordMs < this.#oldestRecordMs) this.#oldestRecordMs = recordMs;
    const places = new Map<EnvelopeEvent, number>();
    for (const { channel, event } of hits) {
      let place = places.get(event);
      if (place === undefined) {
        place = this.#events.push(event) - 1;
        places.set(event, place);
      }
      const refs = this.#refs.get(channel);
      if (refs) refs.push(place);
      else this.#refs.set(channel, [place]);
    }
  }

  /** Takes what was collected out, as the body of an envelope that ends at `to`. */
  take(to: Cursor): {
    from: Cursor;
    to: Cursor;
    oldestRecordMs: number;
    events: readonly EnvelopeEvent[];
    channels: readonly ChannelEvents[];
  } {
    const channels = [...this.#refs].map(([channel, refs]) => ({ channel, refs }));
    const taken = { from: this.to, to, oldestRecordMs: this.#oldestRecordMs, events: this.#events, channels };
    this.to = to;
    this.#events = [];
    this.#refs = new Map();
    this.#byteLength = 0;
    this.#oldestRecordMs = 0;
    return taken;
  }
}
