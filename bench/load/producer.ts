// What the producer's process is told and answers.

import type { Latency } from '../result.ts';
import type { LoadShape } from './events.ts';

export interface ProducerSetting {
  readonly brokers: string;
  readonly kafkaTopic: string;
  readonly schemaId: number;
  readonly shape: LoadShape;
  readonly compression: 'none' | 'lz4';
}

/** Events at one rate for some time. */
export interface Phase {
  readonly eventsPerSecond: number;
  readonly seconds: number;
}

export interface ProducedAnswer {
  readonly records: number;
  readonly events: number;
  readonly megabytes: number;
  /** Since the producer was started: also the offset of the next record in each partition. */
  readonly recordsByPartition: readonly number[];
  readonly seconds: number;
  /** Of one core: the thread that sends. */
  readonly busyShare: number;
  readonly cpuMs: number;
  /** How far behind its time each record was sent. */
  readonly late: Latency;
  /** From a record's time to its acknowledgement by the broker. */
  readonly acknowledged: Latency;
  readonly refused: number;
}
