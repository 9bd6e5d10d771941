// A response of uWebSockets.js as the edge uses it: a network that takes so many bytes and keeps the rest until it is drained,
// and a word with whoever writes when they may not.

import type { RawRequest, RawResponse } from '../../../../workers/edge/http/exchange.ts';

export class PlayedResponse implements RawResponse {
  status = '';
  readonly headers = new Map<string, string>();
  /** What the network has. */
  received = Buffer.alloc(0);
  isEnded = false;
  closesConnection = false;
  /** Bytes that the network takes now. */
  roomBytes = Number.POSITIVE_INFINITY;
  writeCount = 0;
  #kept = Buffer.alloc(0);
  #isCorked = false;
  #onWritable: (() => boolean) | null = null;
  #onAborted: (() => void) | null = null;

  get keptBytes(): number {
    return this.#kept.length;
  }

  get text(): string {
    return this.received.toString();
  }

  writeStatus(status: string): void {
    this.#check();
    this.status = status;
  }

  writeHeader(name: string, value: string): void {
    this.#check();
    this.headers.set(name, value);
  }

  write(chunk: Uint8Array | string): boolean {
    this.#check();
    this.writeCount += 1;
    this.#kept = Buffer.concat([this.#kept, Buffer.from(chunk)]);
    this.#push();
    return this.#kept.length === 0;
  }

  end(body: Uint8Array | string = '', closeConnection = false): void {
    this.#check();
    this.#kept = Buffer.concat([this.#kept, Buffer.from(body)]);
    this.#push();
    this.isEnded = true;
    this.closesConnection = closeConnection;
  }

  endWithoutBody(reportedContentLength?: number): void {
    if (reportedContentLength !== undefined) this.headers.set('content-length', String(reportedContentLength));
    this.end();
  }

  onWritable(handler: (offset: number) => boolean): void {
    this.#onWritable = () => handler(0);
  }

  onAborted(handler: () => void): void {
    this.#onAborted = handler;
  }

  cork(write: () => void): void {
    this.#isCorked = true;
    write();
    this.#isCorked = false;
  }

  getRemoteAddressAsText(): ArrayBuffer {
    return new TextEncoder().encode('127.0.0.1').buffer;
  }

  getRemoteAddress(): ArrayBuffer {
    return Uint8Array.of(127, 0, 0, 1).buffer;
  }

  /** The reader takes so much more, and the network says so. What is kept goes on only with the next write, as it really is. */
  drain(bytes: number): void {
    this.roomBytes += bytes;
    this.#onWritable?.();
  }

  /** Its client is gone. */
  abort(): void {
    this.isEnded = true;
    this.#onAborted?.();
  }

  #push(): void {
    const taken = this.#kept.subarray(0, this.roomBytes);
    this.received = Buffer.concat([this.received, taken]);
    this.#kept = this.#kept.subarray(taken.length);
    this.roomBytes -= taken.length;
  }

  #check(): void {
    if (this.isEnded) throw new Error('written to after its end');
    if (!this.#isCorked) throw new Error('written to while not corked');
  }
}

export interface PlayedRequest {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function playedRequest({ method = 'GET', url = '/', headers = {} }: PlayedRequest): RawRequest {
  const [path = '', query] = url.split('?');
  return {
    getCaseSensitiveMethod: () => method,
    getUrl: () => path,
    getQuery: () => query,
    getHeader: (name) => headers[name] ?? '',
  };
}
