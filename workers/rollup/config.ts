// Configuration of the rollup worker: every value with its default and the reason for it.

import { type Static, Type } from 'typebox';
import {
  commonConfig,
  httpPortConfig,
  kafkaConfig,
  postgresConfig,
  redisConfig,
  registryConfig,
} from '../../platform/config.ts';

export const rollupConfig = Type.Object({
  ...commonConfig,
  ...httpPortConfig(9437),
  ...kafkaConfig,
  ...registryConfig,
  ...redisConfig,
  ...postgresConfig,
  rollupFlushIntervalMs: Type.Integer({
    default: 1000,
    minimum: 50,
    maximum: 60_000,
    unit: 'ms',
    description:
      'How often what was gathered is stored, which is how old an answer may be. 1 s: one transaction a second and worker.',
  }),
  rollupLatenessMs: Type.Integer({
    default: 300_000,
    minimum: 0,
    maximum: 3_600_000,
    unit: 'ms',
    description:
      'How much later than the newest event of its partition an event may come and still be counted in its minute; others are counted as late. 5 min outlasts the buffers of usual agents.',
  }),
  rollupMaxCells: Type.Integer({
    default: 100_000,
    minimum: 1000,
    maximum: 5_000_000,
    description:
      'Aggregates (series × seconds) that a partition gathers before they are stored early. 100,000 take about 40 MB.',
  }),
  rollupSecondsKeptHours: Type.Integer({
    default: 6,
    minimum: 1,
    maximum: 720,
    unit: 'h',
    description:
      'How long windows below a minute can be asked for. 1,000 series of one value a second are 50 MB an hour.',
  }),
  rollupMinutesKeptDays: Type.Integer({
    default: 30,
    minimum: 1,
    maximum: 3650,
    unit: 'd',
    description:
      'How long windows of minutes can be asked for. 1,000 series are about 0.2 GB a day. Older events are late.',
  }),
  rollupHoursKeptDays: Type.Integer({
    default: 400,
    minimum: 1,
    maximum: 36_500,
    unit: 'd',
    description: 'How long windows of hours and days can be asked for: a year, to compare with the last one.',
  }),
});
export type RollupConfig = Static<typeof rollupConfig>;
