// A small honest model of an edge with a log of events in each partition: it replays, goes live, catches up for subscriptions
// that are live, repeats itself, and loses what Kafka no longer has.

import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { ClientMessage, WireCursor } from '../../../schemas/frames.ts';
import { decodeResumeToken, encodeResumeToken } from '../../../schemas/resume-token.ts';
import { type FakeSocket, TOPIC_ID } from './fake-runtime.ts';

export const PARTITIONS = 2;
const CHANNEL = 'ch';

interface EdgeSubscription {
  readonly id: string;
  readonly position: Map<number, Cursor>;
  replaying: boolean;
}

/** An edge with a log of events per partition; it serves one socket at a time. */
export class EdgeModel {
  readonly log: Cursor[][] = Array.from({ length: PARTITIONS }, () => []);
  #socket: FakeSocket | null = null;
  #read = 0;
  readonly expired = new Set<string>();
  #subscriptions = new Map<string, EdgeSubscription>();

  serve(socket: FakeSocket): void {
    this.#socket = socket;
    this.#read = 0;
    this.#subscriptions.clear();
    socket.welcome({ heartbeatMs: 0 });
  }

  /** Reads what the client has sent since the last time. */
  answer(): void {
    const socket = this.#socket;
    for (; socket && this.#read < socket.sent.length; this.#read++) {
      const message = socket.sent[this.#read];
      if (message) this.#on(message);
    }
  }

  #on(message: ClientMessage): void {
    if (message.type === 'unsubscribe') this.#subscriptions.delete(message.id);
    if (message.type !== 'subscribe') return;
    const position = new Map(this.log.map((events, p) => [p, events.at(-1) ?? { offset: -1, index: 0 }]));
    if (message.resume) for (const [p, cursor] of decodeResumeToken(message.resume).position) position.set(p, cursor);
    const replaying = message.resume !== undefined;
    const subscription = { id: message.id, position, replaying };
    this.#subscriptions.set(message.id, subscription);
    this.#tellStart(subscription);
  }

  #tellStart({ id, position, replaying }: EdgeSubscription): void {
    const token = encodeResumeToken({ topicId: TOPIC_ID, position });
    const start = { topic: 'a', filter: '', partitions: PARTITIONS, channel: CHANNEL } as const;
    this.#socket?.receive({ type: 'subscribed', id, ...start, position: token, replaying });
  }

  #reached({ position }: EdgeSubscription, partition: number): Cursor {
    return position.get(partition) ?? { offset: -1, index: 0 };
  }

  /**
   * The edge has missed something, or may have: live subscriptions are taken out of their channel until they caught up.
   *
   * @param announced by `subscribed`; otherwise by the first frame for the subscription alone
   */
  catchUp(announced: boolean): void {
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.replaying) continue;
      subscription.replaying = true;
      if (announced) this.#tellStart(subscription);
      else this.#send(0, this.#reached(subscription, 0), [], subscription.id);
    }
  }

  /** Kafka no longer has what a replay would send next. */
  expire(limit: number): void {
    for (const subscription of this.#subscriptions.values()) {
      if (!subscription.replaying) continue;
      for (const [partition, events] of this.log.entries()) {
        const from = this.#reached(subscription, partition);
        const gone = events.filter((cursor) => compareCursors(cursor, from) > 0).slice(0, limit);
        const to = gone.at(-1);
        if (!to) continue;
        subscription.position.set(partition, to);
        for (const cursor of gone) this.expired.add(dataOf(partition, cursor));
        const reason = { code: 'MDS_REPLAY_EXPIRED', message: 'Gone.' } as const;
        this.#socket?.receive({
          type: 'gap',
          id: subscription.id,
          partition,
          from: wire(from),
          to: wire(to),
          ...reason,
        });
      }
    }
  }

  /**
   * Sends up to `limit` further events of each replay; a replay that has reached the end goes live.
   *
   * @param which only every second one, the others, or (2) all
   */
  replay(limit: number, which = 2): void {
    const replaying = [...this.#subscriptions.values()].filter((each, i) => each.replaying && i % 2 !== which);
    for (const subscription of replaying) {
      for (const [partition, events] of this.log.entries()) {
        const from = this.#reached(subscription, partition);
        const chunk = events.filter((cursor) => compareCursors(cursor, from) > 0).slice(0, limit);
        const to = chunk.at(-1);
        if (!to || !this.#subscriptions.has(subscription.id)) continue;
        subscription.position.set(partition, to);
        this.#send(partition, from, chunk, subscription.id);
      }
      const reached = this.log.every((events, p) => {
        const last = events.at(-1);
        const at = subscription.position.get(p);
        return !last || (at !== undefined && compareCursors(at, last) >= 0);
      });
      if (!reached) continue;
      subscription.replaying = false;
      this.#socket?.receive({ type: 'live', id: subscription.id });
    }
  }

  /** @param before how many earlier events the live frame repeats */
  publish(partition: number, fresh: readonly Cursor[], before: number): void {
    const last = fresh.at(-1);
    const live = [...this.#subscriptions.values()].filter(({ replaying }) => !replaying);
    if (last) for (const { position } of live) position.set(partition, last);
    const events = this.log[partition] ?? [];
    const again = before > 0 ? events.slice(-before) : [];
    const repeated = [...again, ...fresh];
    const previous = events.at(-again.length - 1) ?? { offset: -1, index: 0 };
    events.push(...fresh);
    if (live.length > 0) {
      this.#send(
        partition,
        again.length === events.length - fresh.length ? { offset: -1, index: 0 } : previous,
        repeated,
      );
    }
  }

  /** @param goodbye false: the connection breaks */
  disconnect(goodbye: boolean): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#subscriptions.clear();
    if (goodbye) {
      const terms = { code: 'MDS_SHUTTING_DOWN', message: 'Bye.', reconnectAfterMs: 10, edges: [] } as const;
      socket?.receive({ type: 'goodbye', ...terms });
    } else {
      socket?.drop();
    }
  }

  #send(partition: number, from: Cursor, events: readonly Cursor[], sub?: string): void {
    const to = events.at(-1) ?? from;
    this.#socket?.receive({
      type: 'events',
      channel: CHANNEL,
      ...(sub ? { sub } : {}),
      partition,
      from: wire(from),
      to: wire(to),
      times: [0, 0, 0],
      events: events.map((cursor) => ({ at: wire(cursor), data: dataOf(partition, cursor) })),
    });
  }
}

const wire = ({ offset, index }: Cursor): WireCursor => [offset, index];
export const dataOf = (partition: number, { offset, index }: Cursor): string => `${partition}:${offset}:${index}`;
