// A model of one Kafka partition and of the workers that own it one after the other, for property tests of the edge. It
// follows the lane contract; the faults (loss, doubles, reordering, zombies, forgotten lanes) are the test's to inject.

import type { Interest } from '../../../schemas/coordination.ts';
import { afterRecord, beforeRecord, type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import { type Envelope, envelopeByteLength, writeEnvelope } from '../../../schemas/lane-envelope.ts';

export const TOPIC_ID = 3;

export interface SimulatedEvent {
  readonly cursor: Cursor;
  /** Unique in its partition. */
  readonly n: number;
}

/** Every other event matches "even"; all match anything else. */
export const matches = (filter: string, { n }: SimulatedEvent): boolean => filter !== 'even' || n % 2 === 0;

interface Owner {
  readonly epoch: number;
  at: Cursor;
  view: ReadonlyMap<string, Interest>;
  readonly joined: Map<string, number>;
  isFirst: boolean;
}

const filterOf = ({ plan }: Pick<Interest, 'plan'>): string => (plan as { filter: string }).filter;

export class SimulatedPartition {
  readonly partition: number;
  readonly events: SimulatedEvent[] = [];
  #records = 0;
  #owner: Owner;
  readonly #zombies: Owner[] = [];

  constructor(partition: number) {
    this.partition = partition;
    this.#owner = newOwner(1, beforeRecord(0), new Map());
  }

  /** Appends a record with so many events. */
  produce(eventCount: number): void {
    const offset = this.#records++;
    for (let index = 0; index < eventCount; index++)
      this.events.push({ cursor: { offset, index }, n: this.events.length });
  }

  /** The owner reads the interest as it stands. */
  sync(interest: ReadonlyMap<string, Interest>): void {
    this.#owner.view = new Map(interest);
  }

  /** @returns what the owner sends after at most so many records; null when the lane wants nothing of the topic */
  pump(maxRecords: number): Envelope | null {
    return this.#pump(this.#owner, maxRecords);
  }

  pumpZombie(maxRecords: number): Envelope | null {
    const zombie = this.#zombies.at(-1);
    return zombie ? this.#pump(zombie, maxRecords) : null;
  }

  /** A new owner begins so many records before the old one, which may go on as a zombie. */
  changeOwner(back: number, interest: ReadonlyMap<string, Interest>): void {
    const old = this.#owner;
    this.#zombies.push(old);
    this.#owner = newOwner(old.epoch + 1, beforeRecord(Math.max(0, old.at.offset + 1 - back)), new Map(interest));
  }

  /** The owner believes the edge dead, works on without it, and takes it up again. */
  forgetLane(skippedRecords: number): void {
    this.#owner.at = afterRecord(Math.min(this.#records - 1, this.#owner.at.offset + skippedRecords));
    this.#owner.joined.clear();
  }

  /** One piece of a replay: at most so many records. */
  replay(
    requestId: number,
    interest: Pick<Interest, 'channel' | 'plan'>,
    from: Cursor,
    end: Cursor,
    maxRecords: number,
  ): Envelope {
    const stop = afterRecord(from.offset + maxRecords);
    const to = compareCursors(stop, end) < 0 ? stop : end;
    return this.#envelope(from, to, [interest], { kind: 'replay', requestId, last: true });
  }

  #pump(owner: Owner, maxRecords: number): Envelope | null {
    const to = afterRecord(Math.min(this.#records - 1, owner.at.offset + maxRecords));
    const from = owner.at;
    owner.at = compareCursors(to, from) > 0 ? to : from;
    for (const channel of owner.joined.keys()) if (!owner.view.has(channel)) owner.joined.delete(channel);
    if (owner.view.size === 0) return null;
    const notices = [...owner.view.values()].filter(
      ({ channel, generation }) => owner.isFirst || owner.joined.get(channel) !== generation,
    );
    owner.isFirst = false;
    for (const { channel, generation } of notices) owner.joined.set(channel, generation);
    const joined = notices.map(({ channel, generation }) => ({ channel, generation }));
    return this.#envelope(from, owner.at, [...owner.view.values()], { kind: 'live', epoch: owner.epoch, joined });
  }

  #envelope(
    from: Cursor,
    to: Cursor,
    wanted: readonly Pick<Interest, 'channel' | 'plan'>[],
    rest: Partial<Envelope>,
  ): Envelope {
    const inside = this.events.filter(
      ({ cursor }) => compareCursors(cursor, from) > 0 && compareCursors(cursor, to) <= 0,
    );
    const channels = wanted.map((interest) => ({
      channel: interest.channel,
      refs: inside.flatMap((event, i) => (matches(filterOf(interest), event) ? [i] : [])),
    }));
    return {
      kind: 'live',
      topicId: TOPIC_ID,
      partition: this.partition,
      epoch: 0,
      requestId: 0,
      from,
      to,
      oldestRecordMs: 1,
      receivedMs: 1,
      publishedMs: 1,
      last: false,
      expired: false,
      joined: [],
      events: inside.map(({ cursor, n }) => ({ cursor, bytes: Buffer.from(JSON.stringify(n)) })),
      channels: channels.filter(({ refs }) => refs.length > 0),
      ...rest,
    };
  }
}

const newOwner = (epoch: number, at: Cursor, view: ReadonlyMap<string, Interest>): Owner => ({
  epoch,
  at,
  view,
  joined: new Map(),
  isFirst: true,
});

/** As it arrives at the edge. */
export function overTheWire(envelope: Envelope): EnvelopeReader {
  const bytes = Buffer.alloc(envelopeByteLength(envelope));
  writeEnvelope(envelope, bytes, 0);
  return new EnvelopeReader(bytes);
}
