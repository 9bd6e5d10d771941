// Ceiling of the fan-out: how many deliveries a second uWebSockets.js makes of frames as the edge builds them, to clients
// that only count bytes, with its own publish and with a plain loop over the sockets.

import type { EventsFrame } from '../../../schemas/frames.ts';
import { type Spread, spreadOf } from '../kernel/spread.ts';
import { Part } from './part.ts';
import type { SendMethod, SendRun } from './websocket-server-part.ts';

export interface WebSocketCeiling {
  readonly method: SendMethod;
  readonly clients: number;
  readonly frameEvents: number;
  readonly frameBytes: number;
  /** Events times clients. */
  readonly deliveriesPerSecond: Spread;
  readonly megabytesPerSecond: Spread;
  readonly cpuSecondsPerMillionDeliveries: { readonly server: Spread; readonly clients: Spread };
}

export interface WebSocketMeasurement {
  readonly clients: number;
  readonly methods: readonly SendMethod[];
  readonly frameEvents: readonly number[];
  /** JSON text of one event, as the subscriber gets it. */
  readonly eventJson: string;
  readonly seconds: number;
  readonly repetitions: number;
}

/** Frames of one turn: small ones are sent in bursts, as the edge corks what one envelope gave it. */
const TURN_BYTES = 16 << 10;

export async function measureWebSocket(measurement: WebSocketMeasurement): Promise<WebSocketCeiling[]> {
  const { clients, methods, frameEvents } = measurement;
  const server = new Part(new URL('websocket-server-part.ts', import.meta.url), { clients });
  const { port } = await server.answer('listening');
  const receivers = new Part(new URL('raw-clients-part.ts', import.meta.url), { port, clients });
  try {
    await Promise.all([receivers.answer('connected'), server.answer('connected')]);
    const ceilings: WebSocketCeiling[] = [];
    for (const method of methods) {
      for (const events of frameEvents) ceilings.push(await oneCeiling(server, receivers, measurement, method, events));
    }
    return ceilings;
  } finally {
    await Promise.all([server.end(), receivers.end()]);
  }
}

async function oneCeiling(
  server: Part,
  receivers: Part,
  { clients, eventJson, seconds, repetitions }: WebSocketMeasurement,
  method: SendMethod,
  frameEvents: number,
): Promise<WebSocketCeiling> {
  const frame = frameOf(eventJson, frameEvents);
  const framesPerTurn = Math.max(1, Math.floor(TURN_BYTES / frame.length));
  const run: SendRun = { method, frame, framesPerTurn, seconds: seconds / (repetitions + 1) };
  const runs = [];
  for (let i = 0; i <= repetitions; i++) runs.push(await oneRun(server, receivers, run, clients));
  const kept = runs.slice(1); // the first is the warm-up
  const deliveries = ({ frames }: SentRun): number => frames * frameEvents * clients;
  return {
    method,
    clients,
    frameEvents,
    frameBytes: frame.length,
    deliveriesPerSecond: spreadOf(kept.map((sent) => (deliveries(sent) / sent.elapsedMs) * 1e3)),
    megabytesPerSecond: spreadOf(kept.map(({ bytes, elapsedMs }) => bytes / elapsedMs / 1e3)),
    cpuSecondsPerMillionDeliveries: {
      server: spreadOf(kept.map((sent) => (sent.serverCpuMs / deliveries(sent)) * 1e3)),
      clients: spreadOf(kept.map((sent) => (sent.clientsCpuMs / deliveries(sent)) * 1e3)),
    },
  };
}

interface SentRun {
  readonly frames: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly serverCpuMs: number;
  readonly clientsCpuMs: number;
}

/** @throws Error when the clients did not get every byte */
async function oneRun(server: Part, receivers: Part, run: SendRun, clients: number): Promise<SentRun> {
  receivers.send({ kind: 'reset' });
  await receivers.answer('reset');
  const startedMs = performance.timeOrigin + performance.now();
  server.send({ kind: 'send', ...run });
  const sent = await server.answer('sent');
  const frames = Number(sent.frames);
  const expected = frames * clients * wireBytes(run.frame.length);
  receivers.send({ kind: 'wait', bytes: expected });
  const received = await receivers.answer('received');
  if (Number(received.bytes) !== expected) throw new Error(`the clients got ${received.bytes} of ${expected} bytes`);
  return {
    frames,
    bytes: expected,
    elapsedMs: Number(received.lastMs) - startedMs,
    serverCpuMs: Number(sent.cpuMs),
    clientsCpuMs: Number(received.cpuMs),
  };
}

/** RFC 6455 §5.2: 2 bytes of header, and 2 or 8 more for longer payloads; a server's frames have no mask. */
const wireBytes = (payload: number): number => payload + (payload < 126 ? 2 : payload < 65_536 ? 4 : 10);

/** A frame as the edge makes it (schemas/frames.ts). */
function frameOf(eventJson: string, count: number): string {
  const data: unknown = JSON.parse(eventJson);
  const frame: EventsFrame = {
    type: 'events',
    channel: 'c0ffee'.padEnd(32, '0'),
    partition: 3,
    from: [123_455, 499],
    to: [123_456, count - 1],
    times: [1_767_225_600_000, 1_767_225_600_010, 1_767_225_600_020],
    events: Array.from({ length: count }, (_, index) => ({ at: [123_456, index], data })),
  };
  return JSON.stringify(frame);
}
