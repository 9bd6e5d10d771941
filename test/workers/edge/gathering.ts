// Events as the edge gathers them, made from plain objects by way of real envelopes.

import type { Cursor } from '../../../schemas/cursor.ts';
import { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import { type Envelope, envelopeByteLength, writeEnvelope } from '../../../schemas/lane-envelope.ts';
import { FrameArena } from '../../../workers/edge/frame-arena.ts';
import { GatheredEvents } from '../../../workers/edge/gathered-events.ts';

export const CHANNEL = '0123456789abcdef0123456789abcdef';

export interface PlainEvent {
  readonly cursor: Cursor;
  readonly bytes: Uint8Array;
}

/** An envelope with all its events for one channel, as it arrives. */
export function anEnvelope(events: readonly PlainEvent[], more: Partial<Envelope> = {}): EnvelopeReader {
  const envelope: Envelope = {
    kind: 'live',
    topicId: 1,
    partition: 2,
    epoch: 1,
    requestId: 1,
    from: { offset: -1, index: 0 },
    to: { offset: 9, index: 2147483647 },
    oldestRecordMs: 11,
    receivedMs: 12,
    publishedMs: 12,
    last: false,
    expired: false,
    joined: [],
    events,
    channels: events.length === 0 ? [] : [{ channel: CHANNEL, refs: events.map((_, i) => i) }],
    ...more,
  };
  const bytes = Buffer.alloc(envelopeByteLength(envelope));
  writeEnvelope(envelope, bytes, 0);
  return new EnvelopeReader(bytes);
}

export function gathered(...envelopes: readonly EnvelopeReader[]): GatheredEvents {
  const [first] = envelopes;
  if (!first) throw new RangeError('there is no envelope');
  const events = new GatheredEvents(first.partition);
  events.from = first.from;
  for (const envelope of envelopes) {
    events.take(envelope, envelope.channelsAt, null, null);
    events.to = envelope.to;
  }
  return events;
}

export const anArena = (byteLength = 100_000, writeAll = (): void => {}): FrameArena =>
  new FrameArena(byteLength, writeAll);
