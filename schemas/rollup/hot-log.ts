// What rollup workers tell readers through Redis: each flush of a partition as an entry of that partition's stream, whose
// id is the flush's number. Postgres has the same; a reader that finds a number missing reads it there. Written after
// the transaction, so an entry may be missing but never be wrong.
//
//   rollup:{id}:{partition}   stream: `{seq}-0` → minute, block, minute, block …   (`-`, `` when nothing was added)
//   notify:rollup             pub/sub: `{id}:{partition}:{seq}`

export const rollupKeys = (prefix: string) => ({
  log: (rollupId: number, partition: number) => `${prefix}:rollup:${rollupId}:${partition}`,
  notify: `${prefix}:notify:rollup`,
});
export type RollupKeys = ReturnType<typeof rollupKeys>;

export interface FlushNotice {
  readonly rollupId: number;
  readonly partition: number;
  readonly seq: number;
}

export const noticeText = ({ rollupId, partition, seq }: FlushNotice): string => `${rollupId}:${partition}:${seq}`;

/** @returns null for anything that is not a notice */
export function readNotice(text: string): FlushNotice | null {
  const [, rollupId, partition, seq] = /^(\d+):(\d+):(\d+)$/.exec(text) ?? [];
  if (seq === undefined) return null;
  return { rollupId: Number(rollupId), partition: Number(partition), seq: Number(seq) };
}

/** Field of an entry that adds nothing. */
export const NOTHING_ADDED = '-';
