// The verdict on a filter that is to be used: when it is not valid, that is what the command ends with.

import type { FilterVerdict, ValidFilter } from '../../schemas/api/filter-check.ts';
import { mdsErrorOf } from '../library/error-frame.ts';
import { FilterFailure } from './command-context.ts';

/** @throws FilterFailure that shows the place of the problem */
export function validOrThrow(verdict: FilterVerdict, filter: string): ValidFilter {
  if (verdict.valid) return verdict;
  const { code, message, ...details } = verdict.error;
  throw new FilterFailure(mdsErrorOf(code, message, details), filter);
}
