// One decoded record against all plans of its topic: who gets which event. Nothing is changed here, so that a record that
// does not fit into the output can be left for the next run.

import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { EnvelopeEvent } from '../../../schemas/lane-envelope.ts';
import type { Hit, LaneRange } from './lane-range.ts';
import type { OpenSlot } from './open-slot.ts';
import type { CompiledTopic, Projection } from './plan-table.ts';
import type { DecodedRecord } from './record-decoder.ts';

export interface RecordMatch {
  /** For each lane's range, its hits in cursor order; hits of one event in one projection share one object. */
  readonly hits: ReadonlyMap<LaneRange, readonly Hit[]>;
  readonly hitCount: number;
}

/** @param compiled null when nobody wants the topic */
export function matchRecord(
  { events }: DecodedRecord,
  compiled: CompiledTopic | null,
  slot: OpenSlot,
  offset: number,
): RecordMatch {
  const hits = new Map<LaneRange, Hit[]>();
  let hitCount = 0;
  if (!compiled) return { hits, hitCount };
  for (let index = 0; index < events.length; index++) {
    const event = events[index];
    const cursor = { offset, index };
    if (event === undefined || !isInside(cursor, slot)) continue;
    const transcoded = new Map<Projection, EnvelopeEvent>();
    for (const { channel, matches, projection } of compiled.channels.values()) {
      if (!matches(event)) continue;
      let output = transcoded.get(projection);
      if (!output) {
        output = { cursor, bytes: projection.project(event) };
        transcoded.set(projection, output);
      }
      for (const lane of channel.lanes.keys()) {
        const range = slot.range(lane);
        if (!range) continue;
        const ofRange = hits.get(range);
        if (ofRange) ofRange.push({ channel: channel.id, event: output });
        else hits.set(range, [{ channel: channel.id, event: output }]);
        hitCount++;
      }
    }
  }
  return { hits, hitCount };
}

/** Live ranges hold whole records; a replay may begin and end inside one. */
function isInside(cursor: Cursor, { replay, from }: OpenSlot): boolean {
  if (!replay) return true;
  return compareCursors(cursor, from) > 0 && compareCursors(cursor, replay.until) <= 0;
}
