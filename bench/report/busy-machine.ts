// Whether a machine had other things to do when a run began. Pure.

import type { Machine } from '../result.ts';

/** A fifth of the cores: a desktop's own noise stays below it. */
const QUIET_SHARE = 0.2;

export const busyBefore = ({ loadBefore, cores }: Machine): boolean => loadBefore > cores * QUIET_SHARE;

export const busyText = ({ loadBefore, cores }: Machine): string =>
  `${loadBefore.toFixed(1)} of ${cores} cores in the minute before`;
