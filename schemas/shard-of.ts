// Which shard of a consumer group an event belongs to. Every edge, and whoever checks them, must agree for as long as the
// subscription lives, so the hash is written out here: FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/).

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;
const encoder = new TextEncoder();

/** FNV-1a over the UTF-8 bytes, unsigned. */
export function fnv1a32(text: string): number {
  let hash = OFFSET_BASIS;
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, PRIME);
  return hash >>> 0;
}

/**
 * @param key of the event: `keyOf` with the group's paths
 * @returns 0 … shards-1
 */
export const shardOf = (key: string, shards: number): number => fnv1a32(key) % shards;
