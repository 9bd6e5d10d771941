// A reader of an event stream that keeps only what a browser would: the last event id. May be killed at any byte, stop
// reading, and come back.

import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { StreamReader } from '../../workers/edge/http/stream-reader.ts';
import type { ReceivedEvent } from './ledger.ts';
import { until } from './until.ts';

const OPEN_TIMEOUT_MS = 20_000;

interface Shed {
  readonly count: number;
  readonly reason: string;
}

/** Where an edge takes requests over HTTP. */
export const httpUrlOf = (clientUrl: string): string => new URL(clientUrl).origin.replace(/^ws/, 'http');

export class StreamSubscriber {
  readonly received: ReceivedEvent[] = [];
  readonly gaps: unknown[] = [];
  readonly sheds: Shed[] = [];
  /** What the edge said when it ended a stream. */
  readonly goodbyes: { readonly code: string }[] = [];
  /** How often a stream ended, for whatever reason. */
  ends = 0;
  status = 0;
  lastEventId = '';
  start: ReadonlyMap<number, { readonly offset: number; readonly index: number }> | null = null;
  readonly #path: string;
  readonly #credential: string | null;
  #request: ClientRequest | null = null;
  #response: IncomingMessage | null = null;

  /** @param query without `lastEventId`, which is kept here */
  constructor(topic: string, query: Readonly<Record<string, string>> = {}, credential: string | null = null) {
    this.#credential = credential;
    this.#path = `/v1/topics/${encodeURIComponent(topic)}/events?${new URLSearchParams(query)}`;
  }

  get isOpen(): boolean {
    return this.#response !== null;
  }

  /** Resolves when the stream has begun. */
  async open(baseUrl: string): Promise<void> {
    const headers = {
      accept: 'text/event-stream',
      ...(this.#credential === null ? {} : { authorization: `Bearer ${this.#credential}` }),
      ...(this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId }),
    };
    const reader = new StreamReader();
    let seen = 0;
    const request = get(`${baseUrl}${this.#path}`, { headers, agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      this.#response = response;
      response.on('data', (bytes: Buffer) => {
        if (this.#request !== request) return; // killed: what it would still be handed dies with it
        reader.read(bytes);
        this.lastEventId = reader.lastEventId || this.lastEventId;
        for (; seen < reader.messages.length; seen++) this.#onMessage(reader.messages[seen]);
      });
      response.on('close', () => this.#ended(request));
      response.on('error', () => {}); // seen as a close
    });
    request.on('error', () => this.#ended(request));
    this.#request = request;
    await until(
      'the stream to begin',
      OPEN_TIMEOUT_MS,
      () => reader.of('subscribed').length > 0 || this.#request !== request,
    );
  }

  /** Its program dies in the middle of whatever is being read. */
  kill(): void {
    const request = this.#request;
    this.#request = null;
    this.#response = null;
    request?.destroy();
  }

  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  close(): void {
    this.kill();
  }

  #ended(request: ClientRequest): void {
    if (this.#request !== request) return;
    this.#request = null;
    this.#response = null;
    this.ends += 1;
  }

  #onMessage(message: StreamReader['messages'][number] | undefined): void {
    if (!message) return;
    const data = JSON.parse(message.data);
    if (message.type === 'subscribed') this.start ??= decodeResumeToken(message.lastEventId).position;
    if (message.type === 'gap') this.gaps.push(data);
    if (message.type === 'shed') this.sheds.push(data);
    if (message.type === 'goodbye' || message.type === 'error') this.goodbyes.push(data);
    if (message.type !== 'message') return;
    const [partition, offset, index] = data.cursor;
    this.received.push({ partition, offset, index, data: data.event });
  }
}
