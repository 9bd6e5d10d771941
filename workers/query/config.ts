// Configuration of the query process: every value with its default and the reason for it.

import { type Static, Type } from 'typebox';
import {
  commonConfig,
  httpDoorConfig,
  httpPortConfig,
  identityConfig,
  kafkaConfig,
  postgresConfig,
  redisConfig,
  registryConfig,
} from '../../platform/config.ts';

const MIB = 1_048_576;

export const queryConfig = Type.Object({
  ...commonConfig,
  ...identityConfig,
  ...httpPortConfig(9438),
  ...httpDoorConfig,
  ...kafkaConfig,
  ...registryConfig,
  ...redisConfig,
  ...postgresConfig,
  queryMaxCells: Type.Integer({
    default: 500_000,
    minimum: 1000,
    maximum: 50_000_000,
    description:
      'Aggregates (series × minutes, hours or seconds) held in memory over all topics. 500,000 take about 370 MB: an hour of 8,000 series.',
  }),
  queryMaxRows: Type.Integer({
    default: 100_000,
    minimum: 1,
    maximum: 5_000_000,
    description: 'Most rows of one answer. 100,000 are about 15 MB of JSON, made in half a second.',
  }),
  queryAnswerCacheBytes: Type.Integer({
    default: 64 * MIB,
    minimum: 0,
    maximum: 8192 * MIB,
    unit: 'bytes',
    description: 'Answers that are kept for whoever asks the same again before something new was stored.',
  }),
  queryKnownRows: Type.Integer({
    default: 200_000,
    minimum: 0,
    maximum: 50_000_000,
    description:
      'Rows of windows that are kept for whoever asks the same after new events: only the windows they fall into are made anew. 200,000 take about 60 MB.',
  }),
  queryReaders: Type.Integer({
    default: 4,
    minimum: 1,
    maximum: 64,
    description: 'Answers of recent events that are read from Kafka at once, each over a connection of its own.',
  }),
  queryLiveReaders: Type.Integer({
    default: 2000,
    minimum: 1,
    maximum: 100_000,
    description:
      'Open live queries over all tenants. Equal ones are computed once; each holds a socket and its last rows.',
  }),
  queryLiveReadersPerTenant: Type.Integer({
    default: 500,
    minimum: 1,
    maximum: 100_000,
    description: 'Open live queries of one tenant, so that none takes all.',
  }),
  queryLiveRows: Type.Integer({
    default: 10_000,
    minimum: 1,
    maximum: 1_000_000,
    description: 'Most rows of a live query, and most that wait for a slow reader.',
  }),
  queryBodyBytes: Type.Integer({
    default: MIB / 4,
    minimum: 1024,
    maximum: 16 * MIB,
    unit: 'bytes',
    description: 'Largest request body: a filter and some names.',
  }),
});
export type QueryConfig = Static<typeof queryConfig>;
