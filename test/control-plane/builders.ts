// Heartbeats and rows for tests of the control plane.

import type { TopicRow } from '../../control-plane/store/topics.ts';
import type { EdgeHeartbeat, WorkerHeartbeat } from '../../schemas/coordination.ts';

export const aWorker = (overrides: Partial<WorkerHeartbeat> = {}): WorkerHeartbeat => ({
  workerId: 'worker-1',
  host: 'host-1',
  pid: 1,
  httpUrl: 'http://127.0.0.1:1',
  startedAtMs: 0,
  state: 'running',
  assignmentRevision: 0,
  owned: [],
  eventsInPerSecond: 0,
  recordsInPerSecond: 0,
  bytesInPerSecond: 0,
  rejectedRecords: 0,
  kernelBusyRatio: 0,
  ...overrides,
});

export const anEdge = (overrides: Partial<EdgeHeartbeat> = {}): EdgeHeartbeat => ({
  edgeId: 'edge-1',
  host: 'host-1',
  pid: 2,
  httpUrl: 'http://127.0.0.1:2',
  clientUrl: 'ws://127.0.0.1:3/v1/stream',
  startedAtMs: 0,
  state: 'running',
  connections: 0,
  subscriptions: 0,
  channels: 0,
  deliveriesPerSecond: 0,
  framesPerSecond: 0,
  latencyP50Ms: null,
  latencyP99Ms: null,
  ...overrides,
});

export const aTopicRow = (overrides: Partial<TopicRow> = {}): TopicRow => ({
  topicId: 1,
  tenant: 'default',
  name: 'orders',
  kafkaTopic: 'default.orders',
  partitions: 2,
  retentionMs: 60_000,
  cleanupPolicy: 'delete',
  schemaJson: '{"type":"record","name":"Order","fields":[{"name":"amount","type":"long"}]}',
  schemaId: 5,
  batchSchemaId: 6,
  state: 'ready',
  kafkaCreated: true,
  createdAt: new Date(0),
  ...overrides,
});
