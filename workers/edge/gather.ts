// Gathers what arrives while the edge is busy, and flushes it as frames when there is nothing more to read right now: a
// lone event leaves at once, and when writing to all clients takes longer than the gap between events, frames carry many
// events by themselves. Everything that states a position or changes who gets a channel's frames flushes first.

import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import type { AppliedRange, Channel } from './channel.ts';
import { FrameBuilder } from './events-frame.ts';
import { FrameArena } from './frame-arena.ts';

/** 4 MiB of envelopes: some thousand events of usual size, more would only make the next write longer. */
const MAX_GATHERED_BYTES = 4_194_304;
/** 1 MiB: the frames of one flush mostly fit, and stay in the processor's cache. */
const ARENA_BYTES = 1_048_576;

export interface GatherOptions {
  /** Event bytes of one frame, about. */
  readonly frameBytes: number;
  /** Writes to the sockets all that was sent to clients. */
  readonly writeAll: () => void;
  /** Calls `flush` when there is nothing more to read right now. */
  readonly whenIdle: (flush: () => void) => void;
  readonly now: () => number;
  /** Frames of one flush, together by the oldest record in them. */
  readonly onSent: CountSent;
}

/** Frames × clients and events × clients. */
export type CountSent = (oldestRecordMs: number, frames: number, deliveries: number) => void;

interface Sent {
  frames: number;
  deliveries: number;
}

export class Gather {
  readonly builder: FrameBuilder;
  readonly #options: GatherOptions;
  readonly #arena: FrameArena;
  #dirty: Channel[] = [];
  #spare: Channel[] = [];
  #gatheredBytes = 0;
  #isPlanned = false;
  /** By the oldest record's time. */
  readonly #sent = new Map<number, Sent>();
  readonly #flush = (): void => {
    this.#isPlanned = false;
    this.flush();
  };
  readonly #count: CountSent = (oldestRecordMs, frames, deliveries) => {
    const sent = this.#sent.get(oldestRecordMs);
    if (sent) {
      sent.frames += frames;
      sent.deliveries += deliveries;
    } else {
      this.#sent.set(oldestRecordMs, { frames, deliveries });
    }
  };

  constructor(options: GatherOptions) {
    this.#options = options;
    this.#arena = new FrameArena(ARENA_BYTES, options.writeAll);
    this.builder = new FrameBuilder(this.#arena, options.frameBytes);
  }

  /** Takes one channel's events of an applied envelope. */
  take(channel: Channel, envelope: EnvelopeReader, at: number, range: AppliedRange, isPartial: boolean): void {
    channel.take(envelope, at, range, isPartial);
    if (channel.isListed || !channel.hasGathered) return;
    channel.isListed = true;
    this.#dirty.push(channel);
  }

  /** An envelope was taken: flushes when the edge is idle, or at once when there is too much. */
  taken(envelope: EnvelopeReader): void {
    if (this.#dirty.length === 0) return;
    this.#gatheredBytes += envelope.byteLength;
    if (this.#gatheredBytes > MAX_GATHERED_BYTES) {
      this.flush();
    } else if (!this.#isPlanned) {
      this.#isPlanned = true;
      this.#options.whenIdle(this.#flush);
    }
  }

  /** Everything gathered becomes frames and is written. */
  flush(): void {
    if (this.#dirty.length === 0) return;
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    this.#spare = dirty;
    this.#gatheredBytes = 0;
    const sentMs = this.#options.now();
    for (const channel of dirty) {
      channel.isListed = false;
      this.#publish(channel, sentMs);
    }
    dirty.length = 0;
    this.#arena.release();
    for (const [oldestRecordMs, { frames, deliveries }] of this.#sent) {
      this.#options.onSent(oldestRecordMs, frames, deliveries);
    }
    this.#sent.clear();
  }

  /** What one channel has becomes frames, before something that must not overtake them. */
  flushChannel(channel: Channel): void {
    if (channel.hasGathered) this.#publish(channel, this.#options.now());
  }

  #publish(channel: Channel, sentMs: number): void {
    channel.publish(this.builder, sentMs, this.#count);
  }
}
