// Which replays can be answered by one request: those of one topic that want nearly the same range, as clients do that come
// from an edge that died. The union of their ranges is read once; each takes its own part of the answer. Pure.

import type { ReplayRequest } from '../../schemas/coordination.ts';

export type ReplayRanges = ReplayRequest['ranges'];
export type ReplayedChannel = Exclude<ReplayRequest['channels'], 'interest'>[number];

/** What one subscription asks for. */
export interface ReplayBody {
  readonly topicId: number;
  readonly channel: ReplayedChannel;
  readonly ranges: ReplayRanges;
}

/** More channels make a request that is long to read and to compile; the rest is asked for with the next one. */
const MAX_CHANNELS = 256;
/** Nobody reads more than twice what he asked for, besides this many records which cost next to nothing. */
const MAX_STRETCH = 2;
const FREE_RECORDS = 1000;

export class MergedReplay {
  readonly topicId: number;
  readonly #channels = new Map<string, ReplayedChannel>();
  #ranges: Map<number, ReplayRanges[number]>;
  /** Records of the member that asked for the least. */
  #leastRecords: number;

  constructor({ topicId, channel, ranges }: ReplayBody) {
    this.topicId = topicId;
    this.#channels.set(channel.channel, channel);
    this.#ranges = new Map(ranges.map((range) => [range.partition, range]));
    this.#leastRecords = recordsOf(ranges);
  }

  get channels(): ReplayedChannel[] {
    return [...this.#channels.values()];
  }

  get ranges(): ReplayRanges {
    return [...this.#ranges.values()];
  }

  /** @returns false when it has to be asked for by itself */
  add({ topicId, channel, ranges }: ReplayBody): boolean {
    if (topicId !== this.topicId) return false;
    if (!this.#channels.has(channel.channel) && this.#channels.size >= MAX_CHANNELS) return false;
    const union = new Map(this.#ranges);
    let overlaps = false;
    for (const range of ranges) {
      const present = union.get(range.partition);
      if (present && !touch(present, range)) return false;
      overlaps ||= present !== undefined;
      union.set(range.partition, present ? unionOf(present, range) : range);
    }
    const leastRecords = Math.min(this.#leastRecords, recordsOf(ranges));
    if (!overlaps || recordsOf(union.values()) > leastRecords * MAX_STRETCH + FREE_RECORDS) return false;
    this.#channels.set(channel.channel, channel);
    this.#ranges = union;
    this.#leastRecords = leastRecords;
    return true;
  }
}

type Range = ReplayRanges[number];
type WireCursor = Range['from'];

function recordsOf(ranges: Iterable<Range>): number {
  let records = 0;
  for (const { from, to } of ranges) records += to[0] - from[0];
  return records;
}

const isBefore = (one: WireCursor, other: WireCursor): boolean => (one[0] - other[0] || one[1] - other[1]) < 0;

const touch = (one: Range, other: Range): boolean => !isBefore(one.to, other.from) && !isBefore(other.to, one.from);

const unionOf = (one: Range, other: Range): Range => ({
  partition: one.partition,
  from: isBefore(other.from, one.from) ? other.from : one.from,
  to: isBefore(one.to, other.to) ? other.to : one.to,
});
