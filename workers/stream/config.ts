// Configuration of the stream worker: every value with its default and the reason for it.

import { availableParallelism } from 'node:os';
import { type Static, Type } from 'typebox';
import { commonConfig, httpPortConfig, kafkaConfig, redisConfig, registryConfig } from '../../platform/config.ts';

const MIB = 1_048_576;

export const streamConfig = Type.Object({
  ...commonConfig,
  ...httpPortConfig(9421),
  ...kafkaConfig,
  ...registryConfig,
  ...redisConfig,
  consumerGroup: Type.String({
    default: 'mds-workers',
    description: 'Kafka group under which offsets are committed; all stream workers of an installation share it.',
  }),
  kernelThreads: Type.Integer({
    default: Math.max(1, Math.min(8, availableParallelism() - 1)),
    minimum: 1,
    maximum: 64,
    description:
      'Threads that match and transcode. One core is left to the main thread, which consumes and publishes; beyond eight that one thread is the limit, and another worker helps more.',
  }),
  slabBytes: Type.Integer({
    default: MIB,
    minimum: 65_536,
    maximum: 256 * MIB,
    unit: 'bytes',
    description:
      'Records that a kernel thread is given at once. 1 MiB is sixteen batch records of 64 KiB: the 14 µs of a thread hand-over no longer show, and a slab is still done within milliseconds.',
  }),
  slabsPerThread: Type.Integer({
    default: 3,
    minimum: 2,
    maximum: 64,
    description:
      'One is processed, one is full, one fills. When all are full the worker stops consuming and Kafka holds the backlog.',
  }),
  outputBytes: Type.Integer({
    default: 4 * MIB,
    minimum: 65_536,
    maximum: 256 * MIB,
    unit: 'bytes',
    description: 'Envelopes that a kernel thread writes at once: JSON for a few lanes is about four times its Avro.',
  }),
  outputsPerThread: Type.Integer({
    default: 3,
    minimum: 2,
    maximum: 64,
    description:
      'Outputs that may be on their way to Redis or written by the kernel. When none is free the kernel waits: this bounds the bytes in flight.',
  }),
  envelopeBytes: Type.Integer({
    default: MIB,
    minimum: 4096,
    maximum: 64 * MIB,
    unit: 'bytes',
    description:
      'An envelope is finished behind the record that makes it this long. Far below the 8 MiB at which Redis begins to count a slow subscriber.',
  }),
  recordOutputBytes: Type.Integer({
    default: 256 * MIB,
    minimum: 65_536,
    maximum: 1024 * MIB,
    unit: 'bytes',
    description:
      'A single record whose output for all lanes is longer than this is dead-lettered. It must fit into memory at once.',
  }),
  pollRecords: Type.Integer({
    default: 500,
    minimum: 1,
    maximum: 100_000,
    description:
      'Most records taken from Kafka at once. While records keep coming a poll only ends when it has them all, so at 20,000 records/s this many are 25 ms of latency.',
  }),
  prefetchBytes: Type.Integer({
    default: 32 * MIB,
    minimum: MIB,
    maximum: 1024 * MIB,
    unit: 'bytes',
    description: 'Fetched from Kafka ahead of the kernel: an eighth of a second of the firehose.',
  }),
  commitIntervalMs: Type.Integer({
    default: 500,
    minimum: 10,
    maximum: 60_000,
    unit: 'ms',
    description:
      'How often offsets are committed. After a crash the next owner sends this much again, and the edges skip it.',
  }),
  consumerStallMs: Type.Integer({
    default: 3000,
    minimum: 200,
    maximum: 600_000,
    unit: 'ms',
    description:
      'When Kafka has records of a partition and none is received for this long, the partition is assigned anew; after as long again the consumer is made anew, and after three such times the process ends. A broker answers a fetch within milliseconds; raise it where quotas or slow links hold a fetch longer.',
  }),
  replayBytesPerSecond: Type.Integer({
    default: 64 * MIB,
    minimum: 65_536,
    maximum: 4096 * MIB,
    unit: 'bytes/s',
    changeable: true,
    description: 'Most that replays read from Kafka in this worker, so that they never starve live delivery.',
  }),
});
export type StreamConfig = Static<typeof streamConfig>;
