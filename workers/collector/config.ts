// Configuration of the collector.

import { Type } from 'typebox';
import {
  commonConfig,
  httpPortConfig,
  kafkaConfig,
  postgresConfig,
  redisConfig,
  registryConfig,
} from '../../platform/config.ts';

const DEFAULT_HTTP_PORT = 9431;

export const collectorConfig = Type.Object({
  ...commonConfig,
  ...httpPortConfig(DEFAULT_HTTP_PORT),
  ...kafkaConfig,
  ...registryConfig,
  ...redisConfig,
  ...postgresConfig,
  apiUrl: Type.String({
    default: 'http://127.0.0.1:9400',
    pattern: '^https?://.+',
    expected: 'an http:// or https:// URL',
    description: 'The control plane: asked for the topic, and for the workers and edges whose health is looked at.',
  }),
  apiKey: Type.Optional(
    Type.String({
      secret: true,
      expected: 'an API key',
      description:
        'API key of the collector at the control plane; it must be allowed to manage its topic. Needed while MDS_AUTH is on. The `mds` command shows it too.',
    }),
  ),
  collectTopic: Type.String({
    default: 'host.metrics',
    pattern: '^[A-Za-z0-9._-]{1,200}$',
    expected: '1-200 letters, digits, dots, dashes or underscores',
    description: 'Topic that the telemetry goes to; it is created when it is missing.',
  }),
  collectHost: Type.String({
    default: '{host}',
    description: "Name of this machine in the events, and their Kafka key: one machine's events stay in order.",
  }),
  collectIntervalMs: Type.Integer({
    default: 1000,
    minimum: 100,
    maximum: 3_600_000,
    unit: 'ms',
    description:
      'Time between two rounds of sampling. At one a second, reading CPU, memory, network and load costs under 1 % of a core.',
  }),
  collectSlowRounds: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 10_000,
    unit: 'rounds',
    description:
      'Disks and processes are read every so many rounds: listing processes costs about twenty times what a whole fast round does.',
  }),
  collectServiceRounds: Type.Integer({
    default: 2,
    minimum: 1,
    maximum: 10_000,
    unit: 'rounds',
    description:
      "The stack's own services are looked at every so many rounds; two failed looks in a row make an alert.",
  }),
  collectTopProcesses: Type.Integer({
    default: 5,
    minimum: 0,
    maximum: 1000,
    description: 'How many of the busiest and how many of the largest processes are reported.',
  }),
  collectQueueEvents: Type.Integer({
    default: 20_000,
    minimum: 100,
    maximum: 10_000_000,
    unit: 'events',
    description:
      'Events held while Kafka is away; when full, the oldest are dropped and counted. 20,000 are several minutes of one machine and about 10 MB.',
  }),
});
