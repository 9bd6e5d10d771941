// What the explain thread is given and what it answers: plain data and shared memory.

import type { ExplainAnswer, FoundFilter, MeasuredFilter } from '../../../schemas/explain-messages.ts';

export interface NamedSchema {
  readonly schemaId: number;
  /** Avro JSON, self-contained. */
  readonly text: string;
}

/** How many events has each record of the slab? */
export interface CountTask {
  readonly kind: 'count';
  readonly schemas: readonly NamedSchema[];
  readonly slab: SharedArrayBuffer;
  /** A plan: only events that it lets through are counted; absent: all. */
  readonly mandatory?: unknown;
}

/** By place in the slab; -1 for a record that cannot be read or holds nothing. */
export type CountAnswer = Int32Array;

export interface MeasureTask {
  readonly kind: 'measure';
  readonly schemas: readonly NamedSchema[];
  readonly slabs: readonly SharedArrayBuffer[];
  /** Three numbers for each record, newest first: its slab, its place there, and how many of its (readable) events to skip. */
  readonly picks: Uint32Array;
  readonly topicId: number;
  readonly channel: string;
  readonly plan: unknown;
  /** As in CountTask: the others are neither tested nor counted. */
  readonly mandatory?: unknown;
}

/** Numbers of the events that were walked; the rest of MeasuredFilter is known to whoever read them. */
export type Measurement = Pick<
  MeasuredFilter,
  'events' | 'matched' | 'tested' | 'walkMsPerMillion' | 'filterMsPerMillion' | 'outputMsPerMillion'
>;

export interface MeasureAnswer {
  readonly found: readonly FoundFilter[];
  /** Null when there were no events. */
  readonly measured: Measurement | null;
  /** How many of the picked records were walked before the time was up. */
  readonly records: number;
  /** What was thrown: an MdsError would lose its code on the way between threads. */
  readonly problem: ExplainAnswer['problem'];
}

export interface ExplainThread {
  count(task: Omit<CountTask, 'kind'>): Promise<CountAnswer>;
  measure(task: Omit<MeasureTask, 'kind'>): Promise<MeasureAnswer>;
  close(): Promise<void>;
}
