// An `events` frame made of what a follower has: for one subscription, with the attempt of each event where that matters.
// Event bytes are copied as they came from the worker, never parsed. Same layouts as json-frame.ts and avro-frame.ts.

import type { Cursor } from '../../schemas/cursor.ts';
import {
  AVRO_EVENT_HEADER_BYTES,
  AVRO_FRAME_HEADER_BYTES,
  withSubscription,
  writeAvroEventHead,
  writeAvroFrameHead,
} from '../../schemas/frames-avro.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import type { FollowedEvent } from './follower.ts';

export interface FollowedFrame {
  /** 32 hex characters. */
  readonly channel: string;
  /** As the client named its subscription. */
  readonly subscriptionId: string;
  readonly partition: number;
  /** Exclusive. */
  readonly from: Cursor;
  /** Inclusive. */
  readonly to: Cursor;
  readonly recordMs: number;
  readonly publishedMs: number;
  readonly sentMs: number;
  readonly events: readonly FollowedEvent[];
  /** Of each event, from 1. Only JSON frames have room for it. */
  readonly attempts?: readonly number[];
}

export function followedFrame(format: PlanFormat, frame: FollowedFrame): Buffer {
  return format === 'json' ? jsonFrame(frame) : avroFrame(frame);
}

const CLOSING_BRACE = 0x7d;

function jsonFrame(frame: FollowedFrame): Buffer {
  const { channel, subscriptionId, partition, from, to, recordMs, publishedMs, sentMs, events, attempts } = frame;
  const head = Buffer.from(
    `{"type":"events","channel":"${channel}","sub":${JSON.stringify(subscriptionId)},"partition":${partition}` +
      `,"from":[${from.offset},${from.index}],"to":[${to.offset},${to.index}]` +
      `,"times":[${recordMs},${publishedMs},${sentMs}],"events":[`,
  );
  const eventHeads = events.map(
    ({ cursor }, i) => `${i === 0 ? '' : ','}{"at":[${cursor.offset},${cursor.index}],"data":`,
  );
  const end = attempts === undefined ? ']}' : `],"attempts":[${attempts.join(',')}]}`;
  let byteLength = head.length + end.length + events.length; // a brace closes each event
  for (const text of eventHeads) byteLength += text.length;
  for (const { bytes } of events) byteLength += bytes.length;
  const target = Buffer.allocUnsafe(byteLength);
  let at = head.copy(target);
  for (let i = 0; i < events.length; i++) {
    at += target.write(eventHeads[i] ?? '', at, 'latin1');
    at += events[i]?.bytes.copy(target, at) ?? 0;
    at = target.writeUInt8(CLOSING_BRACE, at);
  }
  target.write(end, at, 'latin1');
  return target;
}

function avroFrame(frame: FollowedFrame): Buffer {
  const { channel, subscriptionId, partition, from, to, recordMs, publishedMs, sentMs, events } = frame;
  let byteLength = AVRO_FRAME_HEADER_BYTES;
  for (const { bytes } of events) byteLength += AVRO_EVENT_HEADER_BYTES + bytes.length;
  const target = Buffer.allocUnsafe(byteLength);
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  let at = AVRO_FRAME_HEADER_BYTES;
  for (const { cursor, bytes } of events) {
    at = writeAvroEventHead(view, at, cursor.offset, cursor.index, bytes.length);
    at += bytes.copy(target, at);
  }
  const wire = {
    channel,
    partition,
    from: [from.offset, from.index],
    to: [to.offset, to.index],
    times: [recordMs, publishedMs, sentMs],
  } as const;
  writeAvroFrameHead(view, 0, wire, events.length, byteLength);
  return Buffer.from(withSubscription(target, subscriptionId).buffer);
}
