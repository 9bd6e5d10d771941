// One partition that this worker owns, or is about to own or to give back.

import type { CatalogTopic, PartitionGrant } from '../../schemas/coordination.ts';
import type { SlabPipeline } from './slab-pipeline.ts';

/** opening → running → releasing → closed; a partition that was lost goes to closed from anywhere. */
export type PartitionState = 'opening' | 'running' | 'releasing' | 'closed';

export class OwnedPartition {
  readonly grant: PartitionGrant;
  /** Names the partition in slabs; never used again for another one. */
  readonly slot: number;
  readonly pipeline: SlabPipeline;
  state: PartitionState = 'opening';
  /** Known once the partition runs. */
  topic: CatalogTopic | undefined;
  /** Offset that will be read next; -1 while opening. */
  nextOffset = -1;
  /** True when everything that Kafka had has been read. */
  atEnd = false;
  /** When a record or the end was last seen. */
  lastProgressMs = 0;
  /** Kafka's end of the partition, as last heard; -1 before. */
  endOffset = -1;

  constructor(grant: PartitionGrant, slot: number, pipeline: SlabPipeline) {
    this.grant = grant;
    this.slot = slot;
    this.pipeline = pipeline;
  }

  get key(): string {
    return partitionKey(this.grant.topicId, this.grant.partition);
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }
}

export const partitionKey = (topicId: number, partition: number): string => `${topicId}/${partition}`;
