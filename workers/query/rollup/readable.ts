// What an identity sees of a rollup: the filter of its grants and its own as a choice of series, or a refusal when the series
// do not tell which events it may read.

import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';
import type { AskedRollup } from './rollups.ts';
import { type SeriesFilter, seriesFilter } from './series-filter.ts';

export interface Readable {
  /** Canonical as far as it can be: equal texts choose equal series. */
  readonly filter: string;
  /** Null: every series, and the overflow. */
  readonly takes: SeriesFilter | null;
  /** Some grant lets it read every event of the topic. */
  readonly isUnrestricted: boolean;
}

/**
 * @throws MdsError `MDS_FORBIDDEN`; `MDS_ROLLUP_RESTRICTED` when its grants demand what the series do not keep;
 *   `MDS_FILTER_…` or `MDS_ROLLUP_FILTER` about its own filter
 */
export function readableSeries(identity: Identity, topic: string, asked: string, rollup: AskedRollup): Readable {
  const { definition, record } = rollup;
  const demanded = readingFilter(identity, topic, '', record);
  try {
    seriesFilter({ filter: demanded, definition, record });
  } catch (cause) {
    if (!(cause instanceof MdsError) || cause.code !== 'MDS_ROLLUP_FILTER') throw cause;
    throw new MdsError('MDS_ROLLUP_RESTRICTED', { topic }, { cause });
  }
  seriesFilter({ filter: asked, definition, record }); // so that an error is about what was asked and nothing else
  const filter = readingFilter(identity, topic, asked, record);
  return { filter, takes: seriesFilter({ filter, definition, record }), isUnrestricted: demanded === '' };
}
