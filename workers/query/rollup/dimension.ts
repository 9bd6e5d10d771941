// The dimensions that answers are grouped by: `service`, or `labels.region` for a label.

import { MdsError } from '../../../schemas/errors.ts';
import { nearestName } from '../../../schemas/nearest-name.ts';
import { LABELS_FIELD, type RollupDefinition, type SeriesDimensions } from '../../../schemas/rollup/definition.ts';
import { keptBy } from './series-filter.ts';

export type DimensionValue = string | number | boolean | null;
export type Dimension = (series: SeriesDimensions) => DimensionValue;

const LABEL_PREFIX = `${LABELS_FIELD}.`;

/** @throws MdsError `MDS_ROLLUP_DIMENSION` */
export function dimensionNamed(name: string, definition: RollupDefinition): Dimension {
  const place = definition.fields.indexOf(name);
  if (place >= 0) return ({ fields }) => fields[place] ?? null;
  const key = name.startsWith(LABEL_PREFIX) ? name.slice(LABEL_PREFIX.length) : null;
  if (key !== null && (definition.labels === 'all' || definition.labels.includes(key))) {
    return ({ labels }) => (Object.hasOwn(labels, key) ? (labels[key] ?? null) : null);
  }
  const keeps = keptBy(definition);
  const didYouMean = nearestName(name, keeps);
  throw new MdsError('MDS_ROLLUP_DIMENSION', {
    dimension: name,
    keeps,
    hint: didYouMean === undefined ? '' : ` (did you mean ${didYouMean}?)`,
  });
}
