// `events` frames as bytes. Event bytes are copied as they came from the worker, never parsed. A frame is built once and
// sent to everybody on the channel; for a replay it is addressed to one subscription afterwards.

import type { Cursor } from '../../schemas/cursor.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import { addressedAvroFrame, avroFrameBytes, writeAvroFrame } from './avro-frame.ts';
import type { FrameArena } from './frame-arena.ts';
import type { GatheredEvents } from './gathered-events.ts';
import { addressedJsonFrame, JsonFrameWriter, jsonFrameBytes } from './json-frame.ts';

/** One frame as bytes, with what those who hold or count it need to know. */
export interface BuiltFrame {
  /** Valid until the arena is released. */
  readonly bytes: Buffer;
  readonly format: PlanFormat;
  readonly partition: number;
  readonly to: Cursor;
  readonly eventCount: number;
}

/** What a frame says besides its events. */
export interface FrameHead {
  /** 32 hex characters. */
  readonly channel: string;
  readonly partition: number;
  /** Exclusive. */
  readonly from: Cursor;
  readonly to: Cursor;
  readonly oldestRecordMs: number;
  readonly publishedMs: number;
  readonly sentMs: number;
}

export class FrameBuilder {
  readonly #arena: FrameArena;
  readonly #maxEventBytes: number;
  readonly #json = new JsonFrameWriter();

  /** @param maxEventBytes frames are cut so that each has about so many; an event larger than that has one of its own */
  constructor(arena: FrameArena, maxEventBytes: number) {
    this.#arena = arena;
    this.#maxEventBytes = maxEventBytes;
  }

  /**
   * Builds as many frames as needed. Their ranges touch, and the last one ends where the events' range does.
   *
   * @param use called with each frame in order; the frame's bytes are valid until the arena is released
   */
  build(
    channel: string,
    format: PlanFormat,
    events: GatheredEvents,
    sentMs: number,
    use: (frame: BuiltFrame) => void,
  ): void {
    const { partition, oldestRecordMs, publishedMs, count } = events;
    let from = events.from;
    for (let start = 0; start < count; ) {
      const end = this.#endOfFrame(events, start);
      const to = end === count ? events.to : events.cursor(end - 1);
      const head = { channel, partition, from, to, oldestRecordMs, publishedMs, sentMs };
      use({ bytes: this.#frame(format, head, events, start, end), format, partition, to, eventCount: end - start });
      from = to;
      start = end;
    }
  }

  #frame(format: PlanFormat, head: FrameHead, events: GatheredEvents, start: number, end: number): Buffer {
    let eventBytes = 0;
    for (let i = start; i < end; i++) eventBytes += events.length(i);
    const maxBytes = (format === 'json' ? jsonFrameBytes : avroFrameBytes)(end - start, eventBytes);
    const room = this.#arena.room(maxBytes);
    const at = this.#arena.startIn(room);
    const frameEnd =
      format === 'json'
        ? this.#json.write(room, at, head, events, start, end)
        : writeAvroFrame(room, at, head, events, start, end);
    return this.#arena.keep(room, frameEnd);
  }

  /** @returns the index behind the last event of the frame that begins at `start`; a frame has at least one event */
  #endOfFrame(events: GatheredEvents, start: number): number {
    if (events.byteLength <= this.#maxEventBytes) return events.count;
    let bytes = 0;
    let end = start;
    for (; end < events.count; end++) {
      bytes += events.length(end);
      if (bytes > this.#maxEventBytes && end > start) break;
    }
    return end;
  }
}

/** The same frame, addressed to one subscription only; a copy. */
export const addressedTo = ({ bytes, format }: BuiltFrame, subscriptionId: string): Buffer =>
  (format === 'json' ? addressedJsonFrame : addressedAvroFrame)(bytes, subscriptionId);
