// A request for aggregates, checked and made definite: the same question has the same key, however it was written.

import { type AggregateQuery, type AggregateRequest, MAX_GROUP_BY } from '../../../schemas/api/data.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { nearestName } from '../../../schemas/nearest-name.ts';
import { type AggregateFunction, FUNCTIONS } from '../../../schemas/rollup/aggregate.ts';
import { durationMs, timeMs } from '../times.ts';
import { type Dimension, dimensionNamed } from './dimension.ts';
import { type Readable, readableSeries } from './readable.ts';
import type { AskedRollup } from './rollups.ts';
import { type Windows, windowsOf } from './windows.ts';

const DEFAULT_WINDOW = '60s';
const DEFAULT_RANGE = '-1h';

export interface AggregateWish {
  readonly functions: readonly AggregateFunction[];
  readonly groupBy: readonly string[];
  readonly dimensions: readonly Dimension[];
  readonly readable: Readable;
  readonly windowMs: number;
  readonly fromMs: number;
  /** Null: now, whenever that is. */
  readonly toMs: number | null;
  /** Equal for questions of the same rows, but for their range. */
  readonly key: string;
}

/** @throws MdsError `MDS_REQUEST_INVALID`, `MDS_ROLLUP_DIMENSION`, or as `readableSeries` */
export function aggregateWish(
  request: AggregateRequest,
  identity: Identity,
  topic: string,
  rollup: AskedRollup,
  nowMs: number,
): AggregateWish {
  const {
    functions = ['count'],
    groupBy = [],
    window = DEFAULT_WINDOW,
    from = DEFAULT_RANGE,
    to,
    filter = '',
  } = request;
  const readable = readableSeries(identity, topic, filter, rollup);
  const named = [...new Set(groupBy)];
  if (named.length > MAX_GROUP_BY) throw invalid(`groupBy may name ${MAX_GROUP_BY} dimensions`);
  const windowMs = durationMs(window, 'window');
  return {
    functions: [...new Set(functions)],
    groupBy: named,
    dimensions: named.map((name) => dimensionNamed(name, rollup.definition)),
    readable,
    windowMs,
    fromMs: timeMs(from, 'from', nowMs),
    toMs: to === undefined ? null : timeMs(to, 'to', nowMs),
    key: JSON.stringify([rollup.rollupId, readable.filter, named, [...new Set(functions)], windowMs]),
  };
}

export const windowsOfWish = ({ windowMs, fromMs, toMs }: AggregateWish, nowMs: number): Windows =>
  windowsOf(windowMs, fromMs, toMs ?? nowMs);

/** A query string as the body that means the same. @throws MdsError `MDS_REQUEST_INVALID` */
export function aggregateRequestOf({ functions, groupBy, ...rest }: AggregateQuery): AggregateRequest {
  return {
    ...rest,
    ...(functions === undefined ? {} : { functions: functionsNamed(functions) }),
    ...(groupBy === undefined ? {} : { groupBy: namesIn(groupBy) }),
  };
}

/** @param text with commas between @throws MdsError `MDS_REQUEST_INVALID` */
function functionsNamed(text: string): AggregateFunction[] {
  return namesIn(text).map((name) => {
    const known = FUNCTIONS.find((candidate) => candidate === name);
    if (known) return known;
    const near = nearestName(name, FUNCTIONS);
    throw invalid(
      `there is no function ${name}${near === undefined ? '' : ` (did you mean ${near}?)`}; use ${FUNCTIONS.join(', ')}`,
    );
  });
}

export const namesIn = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

const invalid = (problem: string): MdsError => new MdsError('MDS_REQUEST_INVALID', { problems: [problem] });
