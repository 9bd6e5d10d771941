// Empties the edge of its clients at an operator's wish, so many a second: before a shutdown, so that nobody notices it.
// Unlike the drain of a stop it takes its time, can be called off, and waits while no other edge could take anybody.
//
//   running ──wish──▶ draining: no new clients; goodbye to n a second ──▶ empty, and stays so
//      ▲                            │                                       │
//      └────────── called off ──────┴───────────────────────────────────────┘

import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import type { EvacuationProgress } from '../../../schemas/coordination.ts';
import type { EvacuationWish } from '../../../schemas/edge-control.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Drainable } from '../drain.ts';
import { TokenBucket } from '../token-bucket.ts';
import { type EdgeLoad, EdgeSpread } from './edge-spread.ts';

export interface EvacuationOptions {
  readonly connections: {
    readonly open: ReadonlySet<Drainable>;
    startDraining(): void;
    stopDraining(): void;
  };
  readonly now: () => number;
  /** Something an operator wants to read in the log. */
  readonly onChange: (progress: EvacuationProgress | null) => void;
}

/** Two ticks' worth at once: clients leave evenly. */
const BURST_SECONDS = 0.2;

export class Evacuation {
  readonly #options: EvacuationOptions;
  readonly #spread = new EdgeSpread();
  /** Their sockets stay open for a moment after the goodbye. */
  #sentAway = new WeakSet<Drainable>();
  #wish: EvacuationWish | null = null;
  #bucket: TokenBucket | null = null;
  #startedAtMs = 0;
  #clientsAtStart = 0;
  #movedClients = 0;
  #isStopped = false;

  constructor(options: EvacuationOptions) {
    this.#options = options;
  }

  get isActive(): boolean {
    return this.#wish !== null;
  }

  /** Null while nobody wants it. */
  get progress(): EvacuationProgress | null {
    if (this.#wish === null) return null;
    return {
      startedAtMs: this.#startedAtMs,
      clientsPerSecond: this.#wish.clientsPerSecond,
      clientsAtStart: this.#clientsAtStart,
      movedClients: this.#movedClients,
      isWaiting: this.#isWaiting(this.#wish),
    };
  }

  /** Begins, changes its rate, or is called off. */
  onWish(wish: EvacuationWish): void {
    if (this.#isStopped) return;
    if (!wish.isWanted) this.#callOff();
    else this.#begin(wish);
  }

  /** Where clients may go. */
  onEdges(edges: readonly EdgeLoad[]): void {
    this.#spread.update(edges, this.#options.now());
  }

  /** Sends away as many as it is time for. */
  tick(): void {
    const { connections, now } = this.#options;
    if (this.#wish === null || this.#isStopped || this.#isWaiting(this.#wish)) return;
    const error = new MdsError('MDS_EDGE_EVACUATED');
    for (const connection of connections.open) {
      if (this.#sentAway.has(connection)) continue;
      if (!this.#bucket?.take(now())) return;
      connection.close(CLOSE_CODES.DRAINING, error, this.#spread.next(now()));
      this.#sentAway.add(connection);
      this.#movedClients += 1;
    }
  }

  /** The process stops: whoever is left goes with the drain. */
  stop(): void {
    this.#isStopped = true;
  }

  #begin(wish: EvacuationWish): void {
    const { connections, now, onChange } = this.#options;
    const before = this.#wish;
    this.#wish = wish;
    if (before?.clientsPerSecond !== wish.clientsPerSecond) {
      const { clientsPerSecond } = wish;
      this.#bucket = new TokenBucket(clientsPerSecond, Math.max(1, clientsPerSecond * BURST_SECONDS), now());
    }
    if (before !== null) return;
    this.#startedAtMs = now();
    this.#clientsAtStart = connections.open.size;
    this.#movedClients = 0;
    connections.startDraining();
    onChange(this.progress);
  }

  #callOff(): void {
    if (this.#wish === null) return;
    this.#wish = null;
    this.#bucket = null;
    this.#options.connections.stopDraining();
    this.#options.onChange(null);
  }

  #isWaiting({ isForced }: EvacuationWish): boolean {
    return this.#spread.edgeCount === 0 && !isForced;
  }
}
