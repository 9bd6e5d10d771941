// How edges share what a tenant may have in the whole installation. Each tells the others once a second what it gives the
// tenant; what follows from that is here. Pure.

/** What one edge gives a tenant. */
export interface TenantUse {
  readonly connections: number;
  readonly subscriptions: number;
  readonly filterCost: number;
  readonly deliveriesPerSecond: number;
  readonly bytesPerSecond: number;
}

/** What all other edges together give it, and how many they are. */
export interface OthersUse extends TenantUse {
  readonly edges: number;
}

export const NO_OTHERS: OthersUse = {
  edges: 0,
  connections: 0,
  subscriptions: 0,
  filterCost: 0,
  deliveriesPerSecond: 0,
  bytesPerSecond: 0,
};

export function sumOf(uses: readonly TenantUse[]): OthersUse {
  return uses.reduce<OthersUse>(
    (sum, use) => ({
      edges: sum.edges + 1,
      connections: sum.connections + use.connections,
      subscriptions: sum.subscriptions + use.subscriptions,
      filterCost: sum.filterCost + use.filterCost,
      deliveriesPerSecond: sum.deliveriesPerSecond + use.deliveriesPerSecond,
      bytesPerSecond: sum.bytesPerSecond + use.bytesPerSecond,
    }),
    NO_OTHERS,
  );
}

/** Things that stay: what the others have is not to be had here. @returns null: no limit */
export function stockShare(quota: number | null, heldByOthers: number): number | null {
  return quota === null ? null : Math.max(0, quota - heldByOthers);
}

/**
 * Things that flow: what the others leave, but never less than an equal part. An edge that takes more than its part gives
 * it back within a second of another's asking for it.
 *
 * @param others edges besides this one that serve the tenant
 * @returns null: no limit
 */
export function rateShare(quota: number | null, usedByOthers: number, others: number): number | null {
  return quota === null ? null : Math.max(quota / (others + 1), quota - usedByOthers);
}
