// To which edge each client that must leave goes: to the one that will have the fewest connections. Pure.

export interface EdgeLoad {
  readonly clientUrl: string;
  readonly connections: number;
}

/** A client that was sent away is counted where it went until then: it waits a moment, and heartbeats tell of it later. */
const ON_THEIR_WAY_MS = 3000;

export class EdgeSpread {
  readonly #loads = new Map<string, number>();
  readonly #sent: { readonly clientUrl: string; readonly atMs: number }[] = [];

  get edgeCount(): number {
    return this.#loads.size;
  }

  /** Other edges that run, as their heartbeats say. */
  update(edges: readonly EdgeLoad[], nowMs: number): void {
    const late = this.#sent.findIndex(({ atMs }) => nowMs - atMs < ON_THEIR_WAY_MS);
    this.#sent.splice(0, late < 0 ? this.#sent.length : late);
    this.#loads.clear();
    for (const { clientUrl, connections } of edges) this.#loads.set(clientUrl, connections);
    for (const { clientUrl } of this.#sent) this.#count(clientUrl);
  }

  /** @returns for one client, the best edge first */
  next(nowMs: number): string[] {
    const urls = [...this.#loads].sort(([, a], [, b]) => a - b).map(([clientUrl]) => clientUrl);
    const [best] = urls;
    if (best === undefined) return [];
    this.#count(best);
    this.#sent.push({ clientUrl: best, atMs: nowMs });
    return urls;
  }

  #count(clientUrl: string): void {
    const connections = this.#loads.get(clientUrl);
    if (connections !== undefined) this.#loads.set(clientUrl, connections + 1);
  }
}
