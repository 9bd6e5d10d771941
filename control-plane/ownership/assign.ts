// Who should own which partition: a pure, deterministic function. Sticky first (a partition stays where it is), then
// balanced by weight, with as few moves as balance needs.

/** Identifies a partition over all topics. */
export type PartitionKey = `${number}/${number}`;

export const partitionKey = (topicId: number, partition: number): PartitionKey => `${topicId}/${partition}`;

export interface WeightedPartition {
  readonly key: PartitionKey;
  /** Share of work; 1 is an average partition. */
  readonly weight: number;
}

/** Workers may differ by one average partition: less cannot be reached by moving whole ones. */
const TOLERANCE = 1;
/** Weights are sums of fractions; differences below this are rounding. */
const ROUNDING = 1e-9;

interface Load {
  readonly workerId: string;
  total: number;
  readonly owned: WeightedPartition[];
}

/**
 * @param partitions each key once
 * @param workers ids of those that may own partitions
 * @param current present owners; entries of unknown workers or partitions are ignored
 * @returns an owner for every partition; empty when there is no worker. With equal weights of 1 the counts differ by at
 *   most one. The order of the arguments does not matter.
 */
export function assign(
  partitions: readonly WeightedPartition[],
  workers: readonly string[],
  current: ReadonlyMap<PartitionKey, string>,
): Map<PartitionKey, string> {
  const loads = new Map<string, Load>();
  for (const workerId of [...workers].sort()) loads.set(workerId, { workerId, total: 0, owned: [] });
  if (loads.size === 0) return new Map();
  const orphans: WeightedPartition[] = [];
  for (const partition of [...partitions].sort(heaviestFirst)) {
    const owner = loads.get(current.get(partition.key) ?? '');
    if (owner === undefined) orphans.push(partition);
    else give(owner, partition);
  }
  const byLoad = [...loads.values()];
  for (const orphan of orphans) give(lightest(byLoad), orphan);
  while (moveOne(byLoad)) {
    // each move makes the loads strictly more even, so this ends
  }
  return new Map(byLoad.flatMap(({ workerId, owned }) => owned.map(({ key }) => [key, workerId] as const)));
}

function give(load: Load, partition: WeightedPartition): void {
  load.owned.push(partition);
  load.total += partition.weight;
}

/** Moves the heaviest partition that makes the heaviest and the lightest worker more equal. @returns false: balanced */
function moveOne(loads: readonly Load[]): boolean {
  const from = loads.reduce((best, load) => (load.total > best.total + ROUNDING ? load : best));
  const to = lightest(loads);
  const difference = from.total - to.total;
  if (difference <= TOLERANCE + ROUNDING) return false;
  let chosen = -1;
  for (const [i, { weight }] of from.owned.entries()) {
    if (weight >= difference - ROUNDING || weight <= ROUNDING) continue;
    if (chosen === -1 || closerToHalf(weight, from.owned[chosen]?.weight ?? 0, difference)) chosen = i;
  }
  const [moved] = chosen === -1 ? [] : from.owned.splice(chosen, 1);
  if (moved === undefined) return false;
  from.total -= moved.weight;
  give(to, moved);
  return true;
}

/** Moving half of the difference makes both equal, so the closest to it needs the fewest moves after. */
const closerToHalf = (weight: number, than: number, difference: number): boolean =>
  Math.abs(weight - difference / 2) < Math.abs(than - difference / 2) - ROUNDING;

const lightest = (loads: readonly Load[]): Load =>
  loads.reduce((best, load) => (load.total < best.total - ROUNDING ? load : best));

const heaviestFirst = (a: WeightedPartition, b: WeightedPartition): number =>
  b.weight - a.weight || (a.key < b.key ? -1 : 1);
