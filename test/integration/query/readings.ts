// A topic of readings, and what a plain count over the produced events says of it.

import type { TestProducer } from '../harness/producer.ts';

export const READING_SCHEMA = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'host', type: 'string' },
    { name: 'severity', type: { type: 'enum', name: 'Severity', symbols: ['INFO', 'ERROR'] }, default: 'INFO' },
    { name: 'value', type: ['null', 'double'], default: null },
    { name: 'timestamp', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'labels', type: { type: 'map', values: 'string' }, default: {} },
  ],
};

export interface Reading {
  readonly name: string;
  readonly host: string;
  readonly severity: 'INFO' | 'ERROR';
  readonly value: number | null;
  readonly timestamp: number;
  readonly labels: Readonly<Record<string, string>>;
}

export const aReading = (atMs: number, some: Partial<Reading> = {}): Reading => ({
  name: 'cpu',
  host: 'h1',
  severity: 'INFO',
  value: 1,
  timestamp: atMs * 1000,
  labels: {},
  ...some,
});

/** Sends readings as batch records, spread over partitions. */
export async function send(
  producer: TestProducer<Reading>,
  partitions: number,
  readings: readonly Reading[],
): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const events = readings.filter((_, i) => i % partitions === partition);
    if (events.length > 0) await producer.send({ partition, events, asBatch: true });
  }
  await producer.flush();
}

/** Sums over events by a key: count and sum of values. */
export function countedBy(readings: readonly Reading[], keyOf: (reading: Reading) => string) {
  const counted: Record<string, { count: number; sum: number }> = {};
  for (const reading of readings) {
    const key = keyOf(reading);
    const known = counted[key] ?? { count: 0, sum: 0 };
    known.count += 1;
    known.sum += reading.value ?? 0;
    counted[key] = known;
  }
  return counted;
}
