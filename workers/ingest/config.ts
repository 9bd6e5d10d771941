// Configuration of the ingest door: every value with its default and the reason for it.

import { type Static, Type } from 'typebox';
import { commonConfig, httpPortConfig, identityConfig, kafkaConfig, redisConfig } from '../../platform/config.ts';

const MIB = 1_048_576;

export const ingestConfig = Type.Object({
  ...commonConfig,
  ...identityConfig,
  ...httpPortConfig(9436),
  ...kafkaConfig,
  ...redisConfig,
  ingestBodyBytes: Type.Integer({
    default: 4 * MIB,
    minimum: 1024,
    maximum: 64 * MIB,
    unit: 'bytes',
    description: 'Largest request. 4 MiB: about 10,000 events, which Kafka acknowledges in some tens of milliseconds.',
  }),
  ingestRequestEvents: Type.Integer({
    default: 10_000,
    minimum: 1,
    maximum: 100_000,
    description: 'Most events of one request: each has a result in the answer.',
  }),
  ingestInFlightRequests: Type.Integer({
    default: 64,
    minimum: 1,
    maximum: 10_000,
    description: 'Requests worked on at once; beyond it they are refused with 503 and may be sent again.',
  }),
  ingestDedupeWindowMs: Type.Integer({
    default: 300_000,
    minimum: 60_000,
    maximum: 86_400_000,
    unit: 'ms',
    description:
      'How long an accepted id is remembered. 5 min outlasts the retries of usual senders; Redis keeps about 120 bytes for each event of the window.',
  }),
});
export type IngestConfig = Static<typeof ingestConfig>;
