// Which of the waiting replay requests are answered next, and which of them together. Pure.
//
// Requests of one topic whose ranges overlap or adjoin are answered from one reading of Kafka: after a lost lane, or when a
// worker went, every edge asks for nearly the same range. Short ones go first, for they hold up a live edge; a long past
// can wait, but not for ever.

import type { ReplayRequest } from '../../../schemas/coordination.ts';

/** One poll's worth: what is shorter is over before the next request would notice. */
const SHORT_RECORDS = 500;
/** A request joins a reading that begins this close to it; further away, it would wait for what others want. */
const NEAR_RECORDS = 5000;
/** After this many short ones in a row it is the turn of whoever waits longest. */
const SHORT_IN_A_ROW = 8;

interface Interval {
  from: number;
  to: number;
}

export interface ReplayChoice {
  /** To be answered from one reading; the first is the one that was chosen. */
  readonly together: readonly ReplayRequest[];
  /** In the order in which they waited. */
  readonly left: readonly ReplayRequest[];
  readonly isShort: boolean;
}

/** A repair, or so little that it makes no difference to anybody. */
export const isShort = ({ channels, ranges }: Pick<ReplayRequest, 'channels' | 'ranges'>): boolean =>
  channels === 'interest' ||
  ranges.reduce((sum, { from, to }) => sum + Math.max(0, to[0] - from[0]), 0) <= SHORT_RECORDS;

/** Remembers how often the long ones had to wait. */
export class ReplayOrder {
  #shortInARow = 0;

  /** @param waiting the longest waiting first; not empty */
  choose(waiting: readonly ReplayRequest[]): ReplayChoice {
    const short = this.#shortInARow < SHORT_IN_A_ROW ? waiting.find(isShort) : undefined;
    const chosen = short ?? waiting[0];
    if (!chosen) throw new Error('there is nothing to choose from');
    this.#shortInARow = isShort(chosen) ? this.#shortInARow + 1 : 0;
    const intervals = new Map(chosen.ranges.map((range) => [range.partition, intervalOf(range)]));
    const together = [chosen];
    const left: ReplayRequest[] = [];
    for (const request of waiting) {
      if (request === chosen) continue;
      if (request.topicId === chosen.topicId && fits(request, intervals)) together.push(request);
      else left.push(request);
    }
    return { together, left, isShort: isShort(chosen) };
  }
}

/** When it fits, the intervals grow by it. */
function fits({ ranges }: ReplayRequest, intervals: Map<number, Interval>): boolean {
  const shared = ranges.filter(({ partition }) => intervals.has(partition));
  if (shared.length === 0 || !shared.every((range) => isNear(intervalOf(range), intervals.get(range.partition)))) {
    return false;
  }
  for (const range of ranges) {
    const { from, to } = intervalOf(range);
    const present = intervals.get(range.partition);
    intervals.set(range.partition, {
      from: Math.min(from, present?.from ?? from),
      to: Math.max(to, present?.to ?? to),
    });
  }
  return true;
}

function isNear({ from, to }: Interval, present: Interval | undefined): boolean {
  if (!present || from > present.to + 1 || to + 1 < present.from) return false;
  return Math.abs(from - present.from) <= NEAR_RECORDS;
}

const intervalOf = ({ from, to }: ReplayRequest['ranges'][number]): Interval => ({ from: from[0], to: to[0] });
