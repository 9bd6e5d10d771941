// What the leader measures of itself.

import type { Metrics } from '../../platform/metrics.ts';

const ROUND_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export const createLeaderMetrics = (metrics: Metrics) => ({
  leads: metrics.gauge('leader', '1 while this control plane leads'),
  workersLive: metrics.gauge('workers_live', 'Workers whose heartbeat is there; only the leader looks'),
  partitionsUnowned: metrics.gauge('partitions_unowned', 'Partitions that nobody owns; only the leader looks'),
  partitionsGranted: metrics.counter('partitions_granted_total', 'Partitions given to a worker'),
  partitionsRevoked: metrics.counter('partitions_revoked_total', 'Partitions asked back from a living worker'),
  partitionsForced: metrics.counter('partitions_forced_total', 'Partitions that were not given back in time'),
  roundSeconds: metrics.histogram('leader_round_seconds', 'Time of one round of the leader', ROUND_BUCKETS_SECONDS),
});
export type LeaderMetrics = ReturnType<typeof createLeaderMetrics>;
