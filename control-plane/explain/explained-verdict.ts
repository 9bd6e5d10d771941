// What a worker found out about a filter, as the REST API shows it. Pure.

import type { FilterExplanation, FilterMeasurement, ValidFilter } from '../../schemas/api/filter-check.ts';
import type { ExplainAnswer, FoundFilter, MeasuredFilter } from '../../schemas/explain-messages.ts';
import { sentencesOf } from './sentences.ts';

export type ExplainedParts = Required<Pick<ValidFilter, 'explanation' | 'otherWriters' | 'measured' | 'reason'>>;

export function explainedParts({ found, measured, problem }: ExplainAnswer): ExplainedParts {
  const [first, ...others] = found.map(explanationOf);
  return {
    explanation: first ?? null,
    otherWriters: others,
    measured: measured && measurementOf(measured),
    reason: problem,
  };
}

const explanationOf = (found: FoundFilter): FilterExplanation => ({ ...found, sentences: sentencesOf(found) });

function measurementOf(measured: MeasuredFilter): FilterMeasurement {
  const { events, matched, tested, fromMs, toMs, endedBy, rejectedRecords } = measured;
  const { walkMsPerMillion, filterMsPerMillion, outputMsPerMillion } = measured;
  const msPerMillion = walkMsPerMillion + filterMsPerMillion + outputMsPerMillion;
  return {
    events,
    matched,
    matchRate: events === 0 ? 0 : matched / events,
    tested,
    costMsPerMillion: rounded(filterMsPerMillion),
    outputMsPerMillion: rounded(outputMsPerMillion),
    walkMsPerMillion: rounded(walkMsPerMillion),
    eventsPerSecond: msPerMillion === 0 ? 0 : Math.round(1e9 / msPerMillion),
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    endedBy,
    rejectedRecords,
  };
}

/** More digits than these are noise. */
const rounded = (ms: number): number => Math.round(ms * 10) / 10;
