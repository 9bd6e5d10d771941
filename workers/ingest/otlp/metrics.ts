// Metrics of OpenTelemetry as facts: a number is one event. A distribution is several, as Prometheus has it: `.count`, `.sum`,
// `.min`, `.max`, and for each bucket `.bucket` with the label `le` and the count of all up to it; a summary's quantiles have
// the label `quantile`. Points that say "no value" are left out: they are no facts.

import type { Facts } from '../mapping/facts.ts';
import { attributesOf, microsOf, type Surroundings, surroundingsOf, textOfLong } from './common.ts';
import type {
  Buckets,
  ExponentialPoint,
  HistogramPoint,
  Metric,
  MetricsRequest,
  NumberPoint,
  Point,
  SummaryPoint,
} from './messages.ts';

/** Facts, and which of the request's points each belongs to. */
export interface PointFacts {
  readonly point: number;
  readonly facts: Facts;
}

const NO_VALUE = 1;
const TEMPORALITIES = ['', 'delta', 'cumulative'];

export function metricFacts({ resourceMetrics = [] }: MetricsRequest, nowMicros: number): PointFacts[] {
  const all: PointFacts[] = [];
  let point = 0;
  for (const { resource, scopeMetrics = [] } of resourceMetrics) {
    for (const { scope, metrics = [] } of scopeMetrics) {
      const surroundings = surroundingsOf(resource, scope);
      for (const metric of metrics) {
        for (const parts of partsOf(metric)) {
          const common = { metric, ...parts, surroundings, nowMicros };
          if (((parts.point.flags ?? 0) & NO_VALUE) === 0) {
            for (const value of parts.values) all.push({ point, facts: factsOf(common, value) });
          }
          point++;
        }
      }
    }
  }
  return all;
}

/** One number of a point: what is added to the metric's name and to its attributes. */
interface Value {
  readonly suffix: string;
  readonly value: number;
  readonly attributes?: Readonly<Record<string, string>>;
}
interface PointParts {
  readonly type: string;
  readonly temporality: string;
  readonly monotonic: boolean;
  readonly point: Point;
  readonly values: readonly Value[];
}

function factsOf(
  {
    metric,
    type,
    temporality,
    monotonic,
    point,
    surroundings,
    nowMicros,
  }: Omit<PointParts, 'values'> & {
    readonly metric: Metric;
    readonly surroundings: Surroundings;
    readonly nowMicros: number;
  },
  { suffix, value, attributes }: Value,
): Facts {
  const { name = '', unit = '', description = '' } = metric;
  return {
    plain: {
      name: name + suffix,
      unit: suffix === '.count' || suffix === '.bucket' ? '1' : unit,
      timestamp: microsOf(point.timeUnixNano),
      start: textOfLong(point.startTimeUnixNano),
      scope: surroundings.scopeName,
      receivedAt: nowMicros,
      ...{ description, value, type, temporality, monotonic },
    },
    groups: { ...surroundings.groups, attribute: { ...attributesOf(point.attributes), ...attributes } },
  };
}

function partsOf({ gauge, sum, histogram, exponentialHistogram, summary }: Metric): PointParts[] {
  const temporality = TEMPORALITIES[(sum ?? histogram ?? exponentialHistogram)?.aggregationTemporality ?? 0] ?? '';
  const parts =
    <P extends Point>(type: string, values: (point: P) => readonly Value[]) =>
    (point: P): PointParts => ({
      type,
      temporality,
      monotonic: sum?.isMonotonic ?? false,
      point,
      values: values(point),
    });
  return [
    ...(gauge?.dataPoints ?? []).map(parts('gauge', numberValues)),
    ...(sum?.dataPoints ?? []).map(parts('sum', numberValues)),
    ...(histogram?.dataPoints ?? []).map(parts('histogram', histogramValues)),
    ...(exponentialHistogram?.dataPoints ?? []).map(parts('exponentialHistogram', exponentialValues)),
    ...(summary?.dataPoints ?? []).map(parts('summary', summaryValues)),
  ];
}

const numberValues = ({ asDouble, asInt }: NumberPoint): readonly Value[] => [
  { suffix: '', value: asDouble ?? Number(asInt ?? 0n) },
];

const given = (suffix: string, value: number | bigint | undefined): readonly Value[] =>
  value === undefined ? [] : [{ suffix, value: Number(value) }];

function histogramValues({ count, sum, min, max, bucketCounts = [], explicitBounds = [] }: HistogramPoint): Value[] {
  const bounds = bucketCounts.map((_count, i) => explicitBounds[i] ?? Number.POSITIVE_INFINITY);
  return [
    ...given('.count', count ?? 0n),
    ...given('.sum', sum),
    ...given('.min', min),
    ...given('.max', max),
    ...cumulated(bucketCounts.map((n, i) => [bounds[i] ?? 0, n])),
  ];
}

function exponentialValues(point: ExponentialPoint): Value[] {
  const { count, sum, min, max, scale = 0, zeroCount = 0n, zeroThreshold = 0, positive = {}, negative = {} } = point;
  const bound = (exponent: number): number => 2 ** (exponent * 2 ** -scale);
  const filled = ({ offset = 0, bucketCounts = [] }: Buckets): [index: number, count: bigint][] =>
    bucketCounts.flatMap((n, i): [number, bigint][] => (n === 0n ? [] : [[offset + i, n]]));
  const below = filled(negative).map(([index, n]): [number, bigint] => [-bound(index), n]);
  const above = filled(positive).map(([index, n]): [number, bigint] => [bound(index + 1), n]);
  return [
    ...given('.count', count ?? 0n),
    ...given('.sum', sum),
    ...given('.min', min),
    ...given('.max', max),
    ...cumulated([...below.reverse(), ...(zeroCount === 0n ? [] : [[zeroThreshold, zeroCount] as const]), ...above]),
  ];
}

/** @param buckets upper bound and count of each, by rising bound */
function cumulated(buckets: readonly (readonly [bound: number, count: bigint])[]): Value[] {
  let total = 0n;
  return buckets.map(([bound, count]) => {
    total += count;
    const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound);
    return { suffix: '.bucket', value: Number(total), attributes: { le } };
  });
}

function summaryValues({ count, sum, quantileValues = [] }: SummaryPoint): Value[] {
  return [
    ...given('.count', count ?? 0n),
    ...given('.sum', sum ?? 0),
    ...quantileValues.map(({ quantile = 0, value = 0 }) => ({
      suffix: '',
      value,
      attributes: { quantile: String(quantile) },
    })),
  ];
}
