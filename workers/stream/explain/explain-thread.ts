// Entry of the explain thread: one task at a time, and live delivery goes before it.

import { leaveCoresToOthers } from '../../../platform/thread-priority.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { countEvents } from './event-count.ts';
import type { CountAnswer, CountTask, MeasureAnswer, MeasureTask } from './explain-task.ts';
import { FilterTrial, type TrialTimes } from './filter-trial.ts';

/**
 * As a rule half a second of one core, at most two: long enough for the engine to compile the code and for the fastest turn to be
 * the same each time within some per cent, short enough for a person to wait and for live delivery not to notice.
 */
const TIMES: TrialTimes = { countMs: 1000, warmMs: 100, measureMs: 200, settledMs: 100, turnMs: 50 };

leaveCoresToOthers();

export default function run(task: CountTask | MeasureTask): CountAnswer | MeasureAnswer {
  if (task.kind === 'count') return countEvents(task);
  try {
    return new FilterTrial(task, () => performance.now(), TIMES).run();
  } catch (error) {
    if (!(error instanceof MdsError)) throw error;
    return { found: [], measured: null, records: 0, problem: { code: error.code, message: error.message } };
  }
}
