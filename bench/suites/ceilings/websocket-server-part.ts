// Part: a bare uWebSockets.js server that sends one prepared frame to all its sockets, over and over, in one of two ways:
// the library's own publish to a topic, or a plain loop over the sockets.

import uws from 'uWebSockets.js';
import { cpuMsSince, type PartMessage, partSetting, runPart, tell } from './part.ts';

export type SendMethod = 'publish' | 'loop';

export interface WebSocketServerSetting {
  readonly clients: number;
}

export interface SendRun {
  readonly method: SendMethod;
  readonly frame: string;
  /** Frames given to every socket in one turn of the event loop, corked into one write. */
  readonly framesPerTurn: number;
  readonly seconds: number;
}

/** Above this the system's buffers are full as well: sending more would only pile up in memory. */
const MAX_BUFFERED_BYTES = 256 << 10;
const HARD_LIMIT_BYTES = 64 << 20;
const TOPIC = 'all';

void runPart(async () => {
  const { clients } = partSetting<WebSocketServerSetting>();
  const sockets: uws.WebSocket<unknown>[] = [];
  const app = uws.App();
  app.ws('/*', {
    compression: uws.DISABLED,
    maxBackpressure: HARD_LIMIT_BYTES,
    idleTimeout: 0,
    open(ws) {
      ws.subscribe(TOPIC);
      if (sockets.push(ws) === clients) tell({ kind: 'connected' });
    },
  });
  app.listen('127.0.0.1', 0, (listening) => {
    if (listening) tell({ kind: 'listening', port: uws.us_socket_local_port(listening) });
    else tell({ kind: 'error', message: 'no port to listen on' });
  });
  process.on('message', (message: PartMessage) => {
    void runPart(() => send(app, sockets, message as unknown as SendRun)); // sent by websocket.ts
  });
});

async function send(app: uws.TemplatedApp, sockets: readonly uws.WebSocket<unknown>[], run: SendRun): Promise<void> {
  const frame = Buffer.from(run.frame);
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const endMs = startedMs + run.seconds * 1000;
  let turns = 0;
  while (performance.now() < endMs) {
    await new Promise<void>((resolve) => setImmediate(resolve)); // lets the library write what it holds
    if (sockets.some((ws) => ws.getBufferedAmount() > MAX_BUFFERED_BYTES)) continue;
    if (run.method === 'publish') publishTurn(app, frame, run.framesPerTurn);
    else loopTurn(sockets, frame, run.framesPerTurn);
    turns++;
  }
  const sentMs = performance.now() - startedMs;
  tell({ kind: 'sent', frames: turns * run.framesPerTurn, sentMs, cpuMs: cpuMsSince(cpu) });
}

function publishTurn(app: uws.TemplatedApp, frame: Buffer, frames: number): void {
  for (let i = 0; i < frames; i++) app.publish(TOPIC, frame, false, false);
}

function loopTurn(sockets: readonly uws.WebSocket<unknown>[], frame: Buffer, frames: number): void {
  for (const ws of sockets) {
    ws.cork(() => {
      for (let i = 0; i < frames; i++) ws.send(frame, false, false);
    });
  }
}
