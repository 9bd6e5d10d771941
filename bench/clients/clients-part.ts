// Part: all clients of a run in one process. It connects, subscribes, and then only counts: every event's latency goes into
// one histogram, from the time it was to be sent to the time its bytes were read.

import { performance } from 'node:perf_hooks';
import type { Latency } from '../result.ts';
import { cpuMsSince, type PartMessage, runPart, tell } from '../suites/ceilings/part.ts';
import { LatencyRecord } from './latency-record.ts';
import { PROTOCOLS, type ProtocolName, type Wish } from './protocols.ts';
import { connectRaw } from './raw-websocket.ts';
import { SentTimes } from './sent-times.ts';

/** First message to the part: `{ kind: 'connect', … }`. It answers `connected` when every client is subscribed. */
export interface ConnectOrder {
  readonly protocol: ProtocolName;
  readonly url: string;
  /** One client each. */
  readonly wishes: readonly Wish[];
}

/** Answer to `{ kind: 'count' }`: what came since `{ kind: 'reset' }`. */
export interface ClientsCount {
  readonly received: number;
  readonly bytes: number;
  readonly latency: Latency;
  readonly cpuMs: number;
  /** Of one core, since the reset. */
  readonly busyShare: number;
  readonly peakMemoryBytes: number;
}

const CONNECTS_AT_ONCE = 50;

const record = new LatencyRecord();
const sentTimes = new SentTimes();
let received = 0;
let bytes = 0;
let cpu = process.cpuUsage();
let resetMs = performance.now();
/** Events that were to be sent before it do not count: warm-up. */
let countFromUs = 0;

process.on('message', (message: PartMessage) => void runPart(() => obey(message)));

async function obey(message: PartMessage): Promise<void> {
  switch (message.kind) {
    case 'connect':
      await connectAll(message as unknown as ConnectOrder); // sent by whoever started the part
      return tell({ kind: 'connected' });
    case 'reset':
      record.reset();
      [received, bytes, cpu, resetMs] = [0, 0, process.cpuUsage(), performance.now()];
      countFromUs = Number(message.countFromUs);
      return tell({ kind: 'reset' });
    case 'received':
      return tell({ kind: 'received', received });
    case 'count':
      return tell({ kind: 'count', ...counted() });
  }
}

async function connectAll({ protocol, url, wishes }: ConnectOrder): Promise<void> {
  for (let at = 0; at < wishes.length; at += CONNECTS_AT_ONCE) {
    await Promise.all(wishes.slice(at, at + CONNECTS_AT_ONCE).map((wish) => connectOne(protocol, new URL(url), wish)));
  }
}

async function connectOne(name: ProtocolName, url: URL, wish: Wish): Promise<void> {
  const protocol = PROTOCOLS[name];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (reason: string): void => {
    reject(new Error(reason));
    tell({ kind: 'error', message: `a client: ${reason}` }); // also later: a client that is gone makes the run void
  };
  const socket = await connectRaw({
    url,
    ...(protocol.subprotocol === undefined ? {} : { subprotocol: protocol.subprotocol }),
    onClosed: fail,
    onPayload(payload) {
      const heard = protocol.hear(payload);
      if (heard.kind === 'events') count(payload);
      else if (heard.kind === 'subscribed') resolve();
      else if (heard.kind === 'refused') fail(heard.reason);
      else if (heard.kind === 'answer') socket.send(heard.text);
    },
  });
  for (const text of protocol.subscribe(wish)) socket.send(text);
  await promise;
}

function count(payload: Buffer): void {
  const nowUs = (performance.timeOrigin + performance.now()) * 1000;
  bytes += payload.length;
  for (const sentUs of sentTimes.of(payload)) {
    if (sentUs < countFromUs) continue;
    received++;
    record.record((nowUs - sentUs) / 1000);
  }
}

function counted(): ClientsCount {
  const cpuMs = cpuMsSince(cpu);
  return {
    received,
    bytes,
    latency: record.latency(),
    cpuMs,
    busyShare: cpuMs / (performance.now() - resetMs),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}
