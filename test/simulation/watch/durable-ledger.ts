// What became of each event of the durable subscription: given, acknowledged, stored, dead-lettered, expired; and whether
// what Redis holds of its shard claims more than that.

import type { EventCursor, Gap } from '../../../client/library/events.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { beforeRecord, type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { ShardState } from '../../../schemas/durable.ts';
import { DURABLE_WISH, type TrueEvent } from '../truth.ts';
import type { World } from '../world.ts';

export const MAX_ATTEMPTS = 4;
const FORGOTTEN_EPOCHS = 1000;
const keyOf = (partition: number, { offset, index }: Cursor): string => `${partition}/${offset}/${index}`;

export class DurableLedger {
  given = 0;
  /** Redis has lost what was acknowledged last: those events may come again. */
  #mayRepeat = false;
  readonly #world: World;
  readonly #acknowledged = new Set<string>();
  readonly #stored = new Set<string>();
  readonly #dead = new Set<string>();
  readonly #gaps: Gap[] = [];
  /** By partition: everything before is settled. */
  readonly #settledTo: Cursor[] = [];
  readonly #ownerOfEpoch = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  get isComplete(): boolean {
    return this.#world.truth.events.every((_, partition) => this.#firstOpen(partition) === undefined);
  }

  get missing(): string {
    const missing = this.#world.truth.events.map((_, partition) => {
      const open = this.#firstOpen(partition);
      return open ? `p${partition} has ${keyOf(partition, open.cursor)} open` : '';
    });
    return missing.filter((text) => text !== '').join(', ');
  }

  /**
   * Redis has lost everything. Positions come back from Postgres, with epochs a thousand above the last that was copied
   * there: those that were given since the copy before the last loss, if any, are given again.
   */
  redisForgot(): void {
    this.#mayRepeat = true;
    const copied = this.#world.postgres.tables.shards.get(0)?.epoch ?? -FORGOTTEN_EPOCHS;
    for (const epoch of this.#ownerOfEpoch.keys()) {
      if (Number(epoch) >= copied + FORGOTTEN_EPOCHS) this.#ownerOfEpoch.delete(epoch);
    }
  }

  /** @returns the event's name */
  deliver(cursor: EventCursor, data: unknown, attempt: number): string {
    const key = keyOf(cursor.partition, cursor);
    const event = this.#world.truth.eventAt(cursor.partition, cursor);
    if (!event || JSON.stringify(data) !== JSON.stringify({ n: event.n, k: event.k }))
      this.#fail(`durable: ${key} ${JSON.stringify(data)} was never produced`);
    else if (!DURABLE_WISH.matches(event)) this.#fail(`durable: ${key} does not match`);
    if (attempt > MAX_ATTEMPTS) this.#fail(`durable: ${key} is given for the ${attempt}th time of ${MAX_ATTEMPTS}`);
    if (this.#stored.has(key) && !this.#mayRepeat)
      this.#fail(`durable: ${key} is given after its acknowledgement was stored`);
    this.given += 1;
    return key;
  }

  /** The user has said it. */
  acknowledge(key: string): void {
    this.#acknowledged.add(key);
  }

  /** The service has said that it is stored. */
  stored(key: string): void {
    this.#stored.add(key);
  }

  dead(key: string): void {
    this.#dead.add(key);
  }

  takeGap(gap: Gap): void {
    const lowOffset = this.#world.kafka.partitions[gap.partition]?.lowOffset ?? 0;
    if (gap.to.offset >= lowOffset)
      this.#fail(`durable: a gap to ${gap.to.offset}, but Kafka has all from ${lowOffset} on`);
    this.#gaps.push(gap);
  }

  /** Looks at the shard behind each script that may have changed it. */
  checkShard(shard: ReadonlyMap<string, string>): void {
    const [epoch, owner, text] = [shard.get('epoch') ?? '', shard.get('owner') ?? '', shard.get('state')];
    if (owner !== '') {
      const known = this.#ownerOfEpoch.get(epoch) ?? owner;
      if (known !== owner) this.#fail(`durable: epoch ${epoch} belongs to ${known} and to ${owner}`);
      this.#ownerOfEpoch.set(epoch, owner);
    }
    if (text === undefined) return;
    for (const [partition, offset, index] of readMessage(ShardState, text).floor) {
      const open = this.#firstOpen(partition);
      if (open && compareCursors(open.cursor, { offset, index }) <= 0)
        this.#fail(`durable: the floor ${offset}:${index} of p${partition} is beyond ${keyOf(partition, open.cursor)}`);
    }
  }

  /** The first event that nobody has acknowledged, that is no dead letter, and that Kafka still has. */
  #firstOpen(partition: number): TrueEvent | undefined {
    const { truth, kafka } = this.#world;
    const lowOffset = kafka.partitions[partition]?.lowOffset ?? 0;
    const settledTo = this.#settledTo[partition] ?? beforeRecord(0);
    const open = truth.nextWanted(partition, settledTo, DURABLE_WISH, ({ cursor }) => {
      const key = keyOf(partition, cursor);
      return cursor.offset < lowOffset || this.#acknowledged.has(key) || this.#dead.has(key);
    });
    // What is settled stays settled.
    const last = truth.events[partition]?.at(-1)?.cursor;
    if (open) this.#settledTo[partition] = { offset: open.cursor.offset, index: open.cursor.index - 1 };
    else if (last) this.#settledTo[partition] = last;
    return open;
  }

  #fail(problem: string): void {
    this.#world.simulator.fail(problem);
  }
}
