// What is true: every event that was produced, where it is, and which subscriptions want it. Written down independently
// of the code under test: predicates are plain functions, schemas are encoded by hand.

import { type Cursor, compareCursors } from '../../schemas/cursor.ts';

export const TOPIC_ID = 7;
export const TOPIC_NAME = 't';
export const EVENT_SCHEMA_ID = 1;
export const BATCH_SCHEMA_ID = 2;

const EVENT = {
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'n', type: 'int' },
    { name: 'k', type: 'int' },
  ],
};
/** The topic's schema: records hold one event, or many in a batch. */
export const EVENT_SCHEMA = JSON.stringify(EVENT);
export const BATCH_SCHEMA = JSON.stringify({
  type: 'record',
  name: 'Batch',
  'mds.batch': 'events',
  fields: [{ name: 'events', type: { type: 'array', items: EVENT } }],
});

export interface TrueEvent {
  readonly cursor: Cursor;
  /** Unique in the topic. */
  readonly n: number;
  readonly k: number;
}

export interface Wish {
  readonly filter: string;
  matches(event: TrueEvent): boolean;
}

export const KINDS = 4;
export const WISHES: readonly Wish[] = [
  { filter: '', matches: () => true },
  { filter: 'n % 2 == 0', matches: ({ n }) => n % 2 === 0 },
  { filter: 'k == 1', matches: ({ k }) => k === 1 },
  { filter: 'k >= 2', matches: ({ k }) => k >= 2 },
];

/** The durable subscription: every other event, from the beginning of the topic. */
export const DURABLE_ID = 'd0';
export const DURABLE_NAME = 'orders';
export const DURABLE_WISH: Wish = { filter: 'n % 2 == 1', matches: ({ n }) => n % 2 === 1 };

export class Truth {
  /** By partition, in order. */
  readonly events: TrueEvent[][] = [];
  /** By partition: the first offset that Kafka still has. */
  readonly lowOffsets: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  next(partition: number, offset: number, kinds: readonly number[]): TrueEvent[] {
    const made = kinds.map((k, index) => ({ cursor: { offset, index }, n: this.#count++, k }));
    const known = this.events[partition];
    if (known) known.push(...made);
    else this.events[partition] = made;
    return made;
  }

  eventAt(partition: number, { offset, index }: Cursor): TrueEvent | undefined {
    const events = this.events[partition] ?? [];
    return events[placeBehind(events, { offset, index: index - 1 })];
  }

  /** The first event behind the cursor that the wish wants; those that `isExcused` are passed over. */
  nextWanted(
    partition: number,
    behind: Cursor,
    { matches }: Wish,
    isExcused: (event: TrueEvent) => boolean,
  ): TrueEvent | undefined {
    const events = this.events[partition] ?? [];
    for (let i = placeBehind(events, behind); i < events.length; i++) {
      const event = events[i];
      if (event && matches(event) && !isExcused(event)) return event;
    }
    return undefined;
  }
}

/** @returns place of the first event behind the cursor */
function placeBehind(events: readonly TrueEvent[], behind: Cursor): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const event = events[middle];
    if (event && compareCursors(event.cursor, behind) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const zigzag = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
};
const body = ({ n, k }: TrueEvent): number[] => [...zigzag(n), ...zigzag(k)];

/** A record's value in the Confluent wire format. */
export function recordOf(events: readonly TrueEvent[]): Buffer {
  const [first] = events;
  if (events.length === 1 && first) return Buffer.from([0, 0, 0, 0, EVENT_SCHEMA_ID, ...body(first)]);
  return Buffer.from([0, 0, 0, 0, BATCH_SCHEMA_ID, ...zigzag(events.length), ...events.flatMap(body), 0]);
}
