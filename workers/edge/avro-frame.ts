// An `events` frame of mds.v1.avro, written straight from envelopes (layout: schemas/frames-avro.ts).

import {
  AVRO_EVENT_HEADER_BYTES,
  AVRO_FRAME_HEADER_BYTES,
  withSubscription,
  writeAvroEventHead,
  writeAvroFrameHead,
} from '../../schemas/frames-avro.ts';
import type { FrameHead } from './events-frame.ts';
import type { GatheredEvents } from './gathered-events.ts';

/** Bytes that a frame needs. */
export const avroFrameBytes = (eventCount: number, eventBytes: number): number =>
  AVRO_FRAME_HEADER_BYTES + eventCount * AVRO_EVENT_HEADER_BYTES + eventBytes;

/** @returns where the frame ends */
export function writeAvroFrame(
  target: Buffer,
  start: number,
  head: FrameHead,
  events: GatheredEvents,
  first: number,
  end: number,
): number {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  let at = start + AVRO_FRAME_HEADER_BYTES;
  for (let i = first; i < end; i++) {
    const envelope = events.envelope(i);
    const place = events.place(i);
    const length = envelope.eventLength(place);
    at = writeAvroEventHead(view, at, envelope.eventOffset(place), envelope.eventIndex(place), length);
    const eventStart = envelope.eventStart(place);
    envelope.bytes.copy(target, at, eventStart, eventStart + length);
    at += length;
  }
  const { channel, partition, from, to, oldestRecordMs, publishedMs, sentMs } = head;
  const wire = {
    channel,
    partition,
    from: [from.offset, from.index],
    to: [to.offset, to.index],
    times: [oldestRecordMs, publishedMs, sentMs],
  } as const;
  writeAvroFrameHead(view, start, wire, end - first, at - start);
  return at;
}

/** The same frame for one subscription; a copy. */
export const addressedAvroFrame = (frame: Uint8Array, subscriptionId: string): Buffer =>
  Buffer.from(withSubscription(frame, subscriptionId).buffer);
