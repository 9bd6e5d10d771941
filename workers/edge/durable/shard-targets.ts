// Who should have which shard: the same answer at every edge that sees the same consumers, without asking anybody. Pure.

import type { DurableConsumer } from '../../../schemas/durable.ts';
import { fnv1a32 } from '../../../schemas/shard-of.ts';

type Candidate = Pick<DurableConsumer, 'consumer' | 'joinedMs'>;

/** The one that is there for the longest; of equals the first by name. */
function activeOf(consumers: readonly Candidate[]): string | undefined {
  return consumers.toSorted((a, b) => a.joinedMs - b.joinedMs || compareText(a.consumer, b.consumer))[0]?.consumer;
}

/**
 * One shard goes to the longest present consumer. Several are shared by rendezvous hashing (Thaler and Ravishankar, 1996)
 * with equal loads: the pairs of shard and consumer take turns by the height of their hash, and a consumer that has its
 * share takes no more. So few shards move when consumers come and go, and none has two more than another.
 *
 * @returns shard → consumer; empty without consumers
 */
export function shardTargets(shards: number, consumers: readonly Candidate[], isGroup: boolean): Map<number, string> {
  const targets = new Map<number, string>();
  if (!isGroup) {
    const active = activeOf(consumers);
    if (active !== undefined) targets.set(0, active);
    return targets;
  }
  const names = consumers.map(({ consumer }) => consumer);
  const share = Math.floor(shards / names.length);
  let extras = shards - share * names.length;
  const loads = new Map<string, number>();
  for (const { shard, consumer } of pairs(shards, names)) {
    const load = loads.get(consumer) ?? 0;
    if (targets.has(shard) || load > share || (load === share && extras === 0)) continue;
    if (load === share) extras -= 1;
    targets.set(shard, consumer);
    loads.set(consumer, load + 1);
  }
  return targets;
}

function pairs(shards: number, names: readonly string[]): { readonly shard: number; readonly consumer: string }[] {
  const all = [];
  for (let shard = 0; shard < shards; shard++) {
    for (const consumer of names) all.push({ shard, consumer, weight: mixed(fnv1a32(`${shard}/${consumer}`)) });
  }
  return all.sort((a, b) => b.weight - a.weight || a.shard - b.shard || compareText(a.consumer, b.consumer));
}

/** FNV-1a alone gives similar names similar hashes; this is the finalizer of MurmurHash3. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Not by locale: every edge must agree. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
