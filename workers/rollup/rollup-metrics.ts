// What a rollup worker counts, per flush and never per event.

import type { Metrics } from '../../platform/metrics.ts';
import type { PartitionFlush } from './flusher.ts';

const FLUSH_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

export interface RollupMetrics {
  timed<Result>(flush: () => Promise<Result>): Promise<Result>;
  flushed(flushes: readonly PartitionFlush[]): void;
}

export function createRollupMetrics(metrics: Metrics): RollupMetrics {
  const events = metrics.counter('events_total', 'Events by what became of them, as stored', ['outcome']);
  const unreadable = metrics.counter('unreadable_records_total', 'Records whose events cannot be read');
  const seconds = metrics.histogram('flush_seconds', 'Time of a flush that was stored', FLUSH_BUCKETS_SECONDS);
  return {
    timed: async (flush) => {
      const end = seconds.startTimer();
      const result = await flush();
      end();
      return result;
    },
    flushed: (flushes) => {
      for (const { delta } of flushes) {
        events.inc({ outcome: 'counted' }, delta.events - delta.late - delta.ahead);
        events.inc({ outcome: 'late' }, delta.late);
        events.inc({ outcome: 'ahead' }, delta.ahead);
        unreadable.inc(delta.unreadableRecords);
      }
    },
  };
}
