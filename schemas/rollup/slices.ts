// How the tables of blocks are cut by time: minutes of one slice of rollup_deltas and rollup_minutes, hours of one of
// rollup_hours. Seconds are dropped by whole slices, so readers of seconds must know where the oldest one begins.

export const SLICE_LENGTHS = { rollup_deltas: 360, rollup_minutes: 1440, rollup_hours: 720 } as const;
export type BlockTable = keyof typeof SLICE_LENGTHS;
