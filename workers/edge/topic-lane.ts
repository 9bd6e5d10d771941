// What one topic has on this edge's lane: the state of each partition, and which channels are wanted in which generation.
// Pure. State lives exactly as long as some channel of the topic is wanted, because only that long does a worker send.

import { type Cursor, compareCursors, type Position } from '../../schemas/cursor.ts';
import type { JoinedChannel } from '../../schemas/lane-envelope.ts';
import { type LaneRange, PartitionState, type Step } from './partition-state.ts';

const NONE: ReadonlySet<string> = new Set();

export class TopicLane {
  readonly #partitions = new Map<number, PartitionState>();
  readonly #generations = new Map<string, number>();

  get isIdle(): boolean {
    return this.#generations.size === 0;
  }

  /** Begins to want the channel, or wants it anew: earlier notices for it no longer count. */
  want(channel: string, generation: number): void {
    for (const state of this.#partitions.values()) state.forget(channel);
    this.#generations.set(channel, generation);
  }

  unwant(channel: string): void {
    this.#generations.delete(channel);
    if (this.isIdle) this.#partitions.clear();
    else for (const state of this.#partitions.values()) state.forget(channel);
  }

  /** True when the channel is wanted in exactly this generation. */
  isWanted({ channel, generation }: JoinedChannel): boolean {
    return this.#generations.get(channel) === generation;
  }

  apply(partition: number, range: LaneRange): Step {
    let state = this.#partitions.get(partition);
    if (!state) {
      state = new PartitionState();
      this.#partitions.set(partition, state);
    }
    return state.apply(range, (notice) => this.isWanted(notice));
  }

  /** The partition goes on behind this cursor: what lies before came another way, or never will. */
  moveTo(partition: number, cursor: Cursor): void {
    this.#partitions.get(partition)?.moveTo(cursor);
  }

  isJoined(channel: string, partition: number): boolean {
    return this.joinedOn(partition).has(channel);
  }

  joinedOn(partition: number): ReadonlySet<string> {
    return this.#partitions.get(partition)?.joined ?? NONE;
  }

  /** @returns partitions 0…count-1 that have not joined the channel */
  partitionsWithout(channel: string, count: number): number[] {
    const missing: number[] = [];
    for (let partition = 0; partition < count; partition++) {
      if (!this.isJoined(channel, partition)) missing.push(partition);
    }
    return missing;
  }

  isJoinedEverywhere(channel: string, count: number): boolean {
    for (let partition = 0; partition < count; partition++) {
      if (!this.isJoined(channel, partition)) return false;
    }
    return true;
  }

  /** One more than the highest partition that is followed: a topic may have grown before the catalog says so. */
  get partitionCount(): number {
    let count = 0;
    for (const [partition, { last }] of this.#partitions) if (last !== null) count = Math.max(count, partition + 1);
    return count;
  }

  lastOf(partition: number): Cursor | null {
    return this.#partitions.get(partition)?.last ?? null;
  }

  /** How far each partition has been applied; partitions that are not followed yet are absent. */
  position(): Map<number, Cursor> {
    const position = new Map<number, Cursor>();
    for (const [partition, { last }] of this.#partitions) {
      if (last !== null) position.set(partition, last);
    }
    return position;
  }

  /** True when the lane is at or behind every cursor of the position, so that nothing on it is ahead of what comes. */
  hasReached(position: Position): boolean {
    for (const [partition, cursor] of position) {
      const last = this.lastOf(partition);
      if (last === null || compareCursors(last, cursor) < 0) return false;
    }
    return true;
  }
}
