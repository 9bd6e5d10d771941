// One history of a kernel as plain data: schemas, partitions, plans, and steps in which channels come and go and records
// arrive. It can be stored, sent and run again; check-case.ts says whether a kernel does what it must on it.

import type { PlanRequest } from '../../../../schemas/plan/plan.ts';

export interface KernelCase {
  readonly envelopeBytes: number;
  readonly topics: readonly { readonly topicId: number; readonly schema: unknown }[];
  readonly writers: readonly { readonly schemaId: number; readonly schema: unknown }[];
  readonly partitions: readonly { readonly slot: number; readonly topicId: number }[];
  readonly plans: readonly PlannedChannel[];
  readonly steps: readonly CaseStep[];
}

export interface PlannedChannel {
  readonly topicId: number;
  readonly request: PlanRequest;
}

export interface CaseStep {
  readonly changes: readonly CaseChange[];
  readonly records: readonly CaseRecord[];
  readonly outputBytes: number;
  readonly watermark: boolean;
}

export type CaseChange =
  /** Adds the channel, or adds it again with a newer generation. */
  | { readonly kind: 'add'; readonly lane: string; readonly plan: number }
  | { readonly kind: 'remove'; readonly lane: string; readonly plan: number }
  /** A removal that came too late: the lane has added the channel again since. */
  | { readonly kind: 'remove-older'; readonly lane: string; readonly plan: number }
  | { readonly kind: 'drop-lane'; readonly lane: string };

export interface CaseRecord {
  readonly slot: number;
  /** Offsets that are skipped before it, as compaction and transactions leave them. */
  readonly hole: number;
  /** The Kafka value in hex; null for a tombstone. */
  readonly value: string | null;
}
