// Which clients do not keep up, and what that has cost them. Only a client that was behind once is known here, so that
// thousands that keep up cost nothing. Pure: time is an argument.

import type { SlowClient } from '../../schemas/edge-control.ts';
import { KEPT_UP, type Slowness } from './inspection/inspected.ts';
import type { ShedCounts } from './overflow/waiting-events.ts';

/** A connection as seen from here. */
export interface WatchedConnection {
  readonly id: string;
  readonly identity: { readonly tenant: string };
  /** Network address of the client. */
  readonly peer: string;
  /** 0 when it is closed. */
  readonly bufferedBytes: number;
}

/** Whether something with a buffer is one of them. */
export const isWatched = <Buffered extends Pick<WatchedConnection, 'bufferedBytes'>>(
  client: Buffered,
): client is Buffered & WatchedConnection => 'peer' in client && 'id' in client;

interface Figures {
  readonly id: string;
  readonly tenant: string;
  readonly peer: string;
  worstBufferedBytes: number;
  behindSinceMs: number | null;
  /** When something was last to be said about it. */
  notedMs: number;
  dropped: number;
  conflated: number;
  closedAtMs: number | null;
}

/** More would be nobody's list; the one that has been quiet for longest makes room. */
const MAX_KNOWN = 1000;
/** A client that kept up for so long again is no longer slow. */
const FORGET_MS = 600_000;

export class SlowClients {
  readonly #known = new Map<WatchedConnection, Figures>();
  readonly #closedByPeer = new Map<string, number>();

  /** Its socket did not take everything that was sent. */
  onBehind(connection: WatchedConnection, nowMs: number): void {
    const figures = this.#figures(connection, nowMs);
    figures.behindSinceMs ??= nowMs;
  }

  onShed(connection: WatchedConnection, { dropped, conflated }: ShedCounts, nowMs: number): void {
    const figures = this.#figures(connection, nowMs);
    figures.dropped += dropped;
    figures.conflated += conflated;
  }

  /** @param bufferedBytes what it had not read when it was closed for that */
  onClosedAsSlow(connection: WatchedConnection, bufferedBytes: number, nowMs: number): void {
    const figures = this.#figures(connection, nowMs);
    figures.closedAtMs = nowMs;
    figures.worstBufferedBytes = Math.max(figures.worstBufferedBytes, bufferedBytes);
    const { peer } = figures; // its socket is gone already
    const count = (this.#closedByPeer.get(peer) ?? 0) + 1;
    this.#closedByPeer.delete(peer);
    this.#closedByPeer.set(peer, count);
    if (this.#closedByPeer.size > MAX_KNOWN) deleteFirst(this.#closedByPeer);
  }

  /** Whoever left by itself is nobody's concern. */
  onClosed(connection: WatchedConnection): void {
    const figures = this.#known.get(connection);
    if (figures && figures.closedAtMs === null) this.#known.delete(connection);
  }

  slownessOf(connection: WatchedConnection): Slowness {
    const figures = this.#known.get(connection);
    if (!figures) return KEPT_UP;
    const { worstBufferedBytes, behindSinceMs, dropped: droppedEvents, conflated: conflatedEvents } = figures;
    return { worstBufferedBytes, behindSinceMs, droppedEvents, conflatedEvents };
  }

  /** Clients that are behind now. */
  get behindCount(): number {
    let count = 0;
    for (const { behindSinceMs } of this.#known.values()) if (behindSinceMs !== null) count += 1;
    return count;
  }

  /** Looks at each, several times a second. */
  sample(nowMs: number): void {
    for (const [connection, figures] of this.#known) {
      const { bufferedBytes } = connection;
      figures.worstBufferedBytes = Math.max(figures.worstBufferedBytes, bufferedBytes);
      if (bufferedBytes > 0) figures.notedMs = nowMs;
      else figures.behindSinceMs = null;
      if (nowMs - figures.notedMs > FORGET_MS) this.#known.delete(connection);
    }
  }

  /** @returns the slowest first: who is behind now, then who lost most, then who was closed */
  top(count: number): SlowClient[] {
    const clients = [...this.#known].map(([{ bufferedBytes }, figures]) => ({
      connection: figures.id,
      tenant: figures.tenant,
      peer: figures.peer,
      bufferedBytes,
      worstBufferedBytes: figures.worstBufferedBytes,
      behindSinceMs: figures.behindSinceMs,
      droppedEvents: figures.dropped,
      conflatedEvents: figures.conflated,
      closedAtMs: figures.closedAtMs,
      closedAsSlow: this.#closedByPeer.get(figures.peer) ?? 0,
    }));
    const shed = ({ droppedEvents, conflatedEvents }: SlowClient): number => droppedEvents + conflatedEvents;
    clients.sort(
      (a, b) => b.bufferedBytes - a.bufferedBytes || shed(b) - shed(a) || b.worstBufferedBytes - a.worstBufferedBytes,
    );
    return clients.slice(0, count);
  }

  #figures(connection: WatchedConnection, nowMs: number): Figures {
    let figures = this.#known.get(connection);
    if (figures) {
      this.#known.delete(connection); // to the end: it is the one noted last
    } else {
      if (this.#known.size >= MAX_KNOWN) deleteFirst(this.#known);
      const { id, identity, peer } = connection;
      const { tenant } = identity;
      const start = { worstBufferedBytes: 0, behindSinceMs: null, dropped: 0, conflated: 0, closedAtMs: null };
      figures = { id, tenant, peer, ...start, notedMs: nowMs };
    }
    figures.notedMs = nowMs;
    this.#known.set(connection, figures);
    return figures;
  }
}

function deleteFirst<Key>(map: Map<Key, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
