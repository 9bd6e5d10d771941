// From an events frame to what the user gets: events already seen are left out, and order within the partition is checked.

import { type Cursor, compareCursors } from '../../schemas/cursor.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { EventsFrame, WireCursor } from '../../schemas/frames.ts';
import type { EventBatch, FrameTimes, ReceivedEvent } from './events.ts';
import type { Progress } from './progress.ts';

export const cursorOf = ([offset, index]: WireCursor): Cursor => ({ offset, index });

export function timesOf({ times: [recordMs, publishedMs, sentMs] }: EventsFrame, receivedMs: number): FrameTimes {
  return { recordMs, publishedMs, sentMs, receivedMs };
}

/**
 * @param received what is behind this position is a duplicate
 * @returns null when the frame holds nothing new
 * @throws MdsError `MDS_FRAME_CORRUPT` when the events are not in rising order within `(from, to]`
 */
export function batchOf<T>(frame: EventsFrame, received: Progress, receivedMs: number): EventBatch<T> | null {
  const { partition } = frame;
  const times = timesOf(frame, receivedMs);
  const from = cursorOf(frame.from);
  const to = cursorOf(frame.to);
  const events: ReceivedEvent<T>[] = [];
  let previous = from;
  for (const { at, data } of frame.events) {
    const cursor = { partition, offset: at[0], index: at[1] };
    if (compareCursors(cursor, previous) <= 0) throw outOfOrder(partition, cursor, previous);
    previous = cursor;
    if (received.covers(partition, cursor)) continue;
    events.push({ data: data as T, cursor, times }); // T is the caller's claim about the topic's schema
  }
  if (compareCursors(previous, to) > 0) throw outOfOrder(partition, to, previous);
  return events.length > 0 ? { partition, from, to, events } : null;
}

const outOfOrder = (partition: number, cursor: Cursor, previous: Cursor): MdsError =>
  new MdsError('MDS_FRAME_CORRUPT', {
    reason: `in partition ${partition}, ${cursor.offset}:${cursor.index} follows ${previous.offset}:${previous.index}`,
  });
