// To which shards the events of a batch belong. Worked out once for each batch, however many consumers of this edge share
// it: a batch that is live is the same object for all of them.

import type { DurableDefinition } from '../../../schemas/durable.ts';
import { keyOf } from '../../../schemas/plan/event-key.ts';
import { shardOf } from '../../../schemas/shard-of.ts';
import type { EventBatch } from '../follower.ts';

export class EventShards {
  readonly #group: DurableDefinition['group'];
  readonly #known = new WeakMap<EventBatch, readonly number[]>();

  constructor(group: DurableDefinition['group']) {
    this.#group = group;
  }

  /** @returns the shard of each event of the batch */
  of(batch: EventBatch): readonly number[] {
    let shards = this.#known.get(batch);
    if (!shards) {
      const group = this.#group;
      shards = batch.events.map(({ bytes }) => {
        return group === null ? 0 : shardOf(keyOf(JSON.parse(String(bytes)), group.key), group.shards);
      });
      this.#known.set(batch, shards);
    }
    return shards;
  }
}
