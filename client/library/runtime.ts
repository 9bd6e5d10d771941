// What the library needs from the place it runs in: a WebSocket, a clock, randomness and fetch. All four exist in browsers
// and in Node 22; tests pass their own, so that no test waits for real time.

/** The part of a WebSocket that is used; the browser's, Node's and the `ws` package's all have it. */
export interface Socket {
  /** Set to get binary messages as ArrayBuffers: text never comes as anything but a string. */
  binaryType?: string;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocol: string) => Socket;

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

export interface Clock {
  /** ms since 1970 */
  now(): number;
  /** Calls `action` once after `delayMs`. @returns cancels it */
  after(delayMs: number, action: () => void): () => void;
}

export interface Runtime {
  readonly WebSocket: SocketConstructor;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly fetch: Fetch;
}

const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

export function systemRuntime(): Runtime {
  return {
    WebSocket: globalThis.WebSocket,
    clock: systemClock,
    random: Math.random,
    fetch: (url, init) => globalThis.fetch(url, init),
  };
}
