// A WebSocket client of the bare protocol, for hundreds of them at once: subscribes, and tells of each frame with events
// how old its oldest record is. Can stop reading, as a client on a bad line does.

import { WebSocket } from 'ws';

const SUBPROTOCOL = 'mds.v1.json';

interface RawClientOptions {
  readonly url: string;
  readonly topic: string;
  readonly filter: string;
  readonly onLatency?: (ms: number) => void;
}

export class RawClient {
  readonly #socket: WebSocket;
  readonly #subscribed = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  isClosed = false;

  constructor({ url, topic, filter, onLatency }: RawClientOptions) {
    let isSubscribed = false;
    this.#socket = new WebSocket(url, SUBPROTOCOL);
    this.#socket.on('open', () => this.#socket.send(JSON.stringify({ type: 'subscribe', id: 'a', topic, filter })));
    this.#socket.on('message', (data) => {
      if (isSubscribed && onLatency === undefined) return; // only reads
      const nowMs = Date.now();
      const frame = JSON.parse(String(data));
      if (frame.type === 'events') onLatency?.(nowMs - frame.times[0]);
      else if (frame.type === 'subscribed') {
        isSubscribed = true;
        this.#subscribed.resolve();
      } else if (frame.type === 'error') this.#subscribed.reject(new Error(JSON.stringify(frame)));
    });
    this.#socket.on('error', (error) => this.#subscribed.reject(error));
    this.#socket.on('close', (code) => {
      this.isClosed = true;
      this.#subscribed.reject(new Error(`closed with ${code}`));
      this.#closed.resolve();
    });
    this.#subscribed.promise.catch(() => undefined); // whoever awaits `subscribed` is told
  }

  /** Settles when the edge has confirmed the subscription, or will not. */
  get subscribed(): Promise<void> {
    return this.#subscribed.promise;
  }

  /** Settles when the connection has ended. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Reads nothing any more. */
  stall(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.close(1000);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
