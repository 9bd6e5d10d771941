// A client of one subscription with an overflow policy that can stop reading its socket, and keeps the account of what came
// and of what it was told it would not get, range by range.

import { WebSocket } from 'ws';
import type { OverflowPolicy, ServerFrame } from '../../../schemas/frames.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import type { ReceivedEvent } from '../harness/ledger.ts';
import { until } from '../harness/until.ts';

const TIMEOUT_MS = 20_000;

interface At {
  readonly offset: number;
  readonly index: number;
}

/** Everything that matched in (from, to]: this many came, and this many were left out. */
interface AccountedRange {
  readonly partition: number;
  readonly from: At;
  readonly to: At;
  readonly events: number;
  readonly shed: number;
}

export interface PolicyWish {
  readonly topic: string;
  readonly filter?: string;
  readonly overflow?: OverflowPolicy;
  readonly key?: readonly string[];
  readonly maxRate?: number;
}

export class PolicyReader {
  readonly received: ReceivedEvent[] = [];
  readonly ranges: AccountedRange[] = [];
  readonly shed = { dropped: 0, conflated: 0 };
  closeCode: number | null = null;
  start: ReadonlyMap<number, At> = new Map();
  /** Where it has come, by frames and tokens. */
  readonly reached = new Map<number, At>();
  #untold: ServerFrame[] = [];
  #isSubscribed = false;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#onFrame(JSON.parse(String(data))));
    socket.on('close', (code) => {
      this.closeCode = code;
    });
    socket.on('error', () => undefined); // 'close' follows and is what tests look at
  }

  static async open(url: string, wish: PolicyWish): Promise<PolicyReader> {
    const socket = new WebSocket(url, 'mds.v1.json');
    const reader = new PolicyReader(socket);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: 's', ...wish })));
    await until('the edge to confirm the subscription', TIMEOUT_MS, () => reader.#isSubscribed);
    return reader;
  }

  /** Nothing more is read: what comes waits in the network, and then at the edge. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.terminate();
  }

  get accounted(): number {
    return this.received.length + this.shed.dropped + this.shed.conflated;
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.type === 'subscribed') {
      this.start = decodeResumeToken(frame.position).position;
      for (const [partition, cursor] of this.start) this.reached.set(partition, cursor);
      this.#isSubscribed = true;
    } else if (frame.type === 'shed') {
      this.shed[frame.reason] += frame.count;
      this.#untold.push(frame);
    } else if (frame.type === 'position') {
      for (const [partition, cursor] of decodeResumeToken(frame.token).position) this.reached.set(partition, cursor);
    } else if (frame.type === 'events') {
      this.#onEvents(frame);
    } else if (frame.type === 'error') {
      throw new Error(`refused: ${frame.message}`);
    }
  }

  #onEvents({ partition, to, events }: Extract<ServerFrame, { readonly type: 'events' }>): void {
    let shed = 0;
    for (const told of this.#untold) if (told.type === 'shed') shed += told.count;
    this.#untold = [];
    const end = { offset: to[0], index: to[1] };
    const from = this.reached.get(partition) ?? { offset: -1, index: 0 };
    this.ranges.push({ partition, from, to: end, events: events.length, shed });
    this.reached.set(partition, end);
    for (const { at, data } of events) this.received.push({ partition, offset: at[0], index: at[1], data });
  }
}

/** What the edge answers to a subscription that it refuses. */
export async function refusalOf(url: string, subprotocol: string, wish: object): Promise<unknown> {
  const socket = new WebSocket(url, subprotocol);
  const frames: ServerFrame[] = [];
  socket.on('message', (data, isBinary) => void (isBinary || frames.push(JSON.parse(String(data)))));
  socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: 's', ...wish })));
  try {
    return await until('a refusal', TIMEOUT_MS, () => frames.find(({ type }) => type === 'error'));
  } finally {
    socket.terminate();
  }
}
