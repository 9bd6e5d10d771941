// A position that moves event by event, and its resume token after each move: the `id` of each message of an event stream.
// The same bytes as schemas/resume-token.ts makes, of which only the partition that moved is written anew.
//
//   base64url( version u8 │ topicId │ n │ n × (partition, offset + 1, index) │ crc32 u32 )
//                                        └ segments, by partition ┘

import { crc32 } from 'node:zlib';
import type { Cursor, Position } from '../../../schemas/cursor.ts';

const VERSION = 1;
const CHECKSUM_BYTES = 4;
/** A varint of 53 bits has at most 8 bytes. */
const MAX_VARINT_BYTES = 8;
const MAX_SEGMENT_BYTES = 3 * MAX_VARINT_BYTES;

interface Segment {
  readonly partition: number;
  cursor: Cursor;
  start: number;
  length: number;
}

export class EventIds {
  readonly #topicId: number;
  readonly #scratch = Buffer.alloc(MAX_SEGMENT_BYTES);
  #segments: Segment[] = [];
  readonly #byPartition = new Map<number, Segment>();
  #bytes: Buffer = Buffer.alloc(0);
  /** Where the checksum begins. */
  #end = 0;

  constructor(topicId: number, position: Position) {
    this.#topicId = topicId;
    this.#rebuild(position);
  }

  get position(): Map<number, Cursor> {
    return new Map(this.#segments.map(({ partition, cursor }) => [partition, cursor]));
  }

  /** Resumes exactly behind the position. */
  get token(): string {
    const checksum = crc32(this.#bytes.subarray(0, this.#end));
    const end = this.#bytes.writeUInt32LE(checksum, this.#end);
    return this.#bytes.toString('base64url', 0, end);
  }

  /** Everything of the partition up to here was given. */
  move(partition: number, cursor: Cursor): void {
    const segment = this.#byPartition.get(partition);
    if (!segment) {
      this.#rebuild(this.position.set(partition, cursor));
      return;
    }
    segment.cursor = cursor;
    const length = writeSegment(this.#scratch, 0, segment);
    const change = length - segment.length;
    if (change !== 0) this.#shiftBehind(segment, change);
    this.#scratch.copy(this.#bytes, segment.start, 0, length);
  }

  /** The same for all partitions named. */
  moveAll(position: Position): void {
    for (const [partition, cursor] of position) this.move(partition, cursor);
  }

  #shiftBehind(segment: Segment, change: number): void {
    const behind = segment.start + segment.length;
    this.#bytes.copyWithin(behind + change, behind, this.#end);
    segment.length += change;
    for (let i = this.#segments.indexOf(segment) + 1; i < this.#segments.length; i++) {
      const later = this.#segments[i];
      if (later) later.start += change;
    }
    this.#end += change;
  }

  #rebuild(position: Position): void {
    const partitions = [...position.keys()].sort((a, b) => a - b);
    this.#bytes = Buffer.alloc(1 + 2 * MAX_VARINT_BYTES + partitions.length * MAX_SEGMENT_BYTES + CHECKSUM_BYTES);
    let at = this.#bytes.writeUInt8(VERSION, 0);
    at = writeVarint(this.#bytes, at, this.#topicId);
    at = writeVarint(this.#bytes, at, partitions.length);
    this.#segments = [];
    this.#byPartition.clear();
    for (const partition of partitions) {
      const cursor = position.get(partition);
      if (!cursor) continue;
      const segment: Segment = { partition, cursor, start: at, length: 0 };
      at = writeSegment(this.#bytes, at, segment);
      segment.length = at - segment.start;
      this.#segments.push(segment);
      this.#byPartition.set(partition, segment);
    }
    this.#end = at;
  }
}

/** @returns where it ends */
function writeSegment(target: Buffer, start: number, { partition, cursor }: Segment): number {
  const offsetAt = writeVarint(target, start, partition);
  return writeVarint(target, writeVarint(target, offsetAt, cursor.offset + 1), cursor.index);
}

function writeVarint(target: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[at++] = rest;
  return at;
}
