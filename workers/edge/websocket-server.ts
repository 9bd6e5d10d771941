// The only file that knows uWebSockets.js: accepts connections on /v1/stream, and all other requests, and hands them on. Its topics are not used:
// a publish that a slow client misses cannot stop the next one from reaching it, and that would be a silent hole; nor is
// its limit on backpressure, for the same reason. Connections look at their own buffer before each frame instead.

import './http/header-limit.ts';
import uws from 'uWebSockets.js';
import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import { MdsError } from '../../schemas/errors.ts';
import { SUBPROTOCOL_AVRO, SUBPROTOCOL_JSON } from '../../schemas/frames.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import type { Socket } from './connection.ts';
import { readUpgrade } from './entry/upgrade-credential.ts';
import type { RawRequest, RawResponse } from './http/exchange.ts';
import { STREAM_PATH } from './stream-path.ts';

/** A message above the limit but below this many times it is read, so that its sender can be told what was wrong. */
const READ_LIMIT_FACTOR = 16;
/** A websocket may not idle for less (uWebSockets.js counts in steps of 4 s). */
const MIN_IDLE_TIMEOUT_SECONDS = 8;

/** What becomes of a socket that was accepted. */
export interface SocketHandlers {
  onMessage(bytes: Uint8Array, isBinary: boolean): void;
  onDrained(): void;
  onSocketClosed(): void;
}

export interface WebSocketServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxMessageBytes: number;
  readonly idleTimeoutMs: number;
  /** Whether clients that offer permessage-deflate get it. */
  readonly compresses: boolean;
  readonly isOriginAllowed: (origin: string) => boolean;
  /** @param address 4 or 16 bytes; false: it connects too often, and gets no socket */
  readonly mayConnect: (address: Uint8Array) => boolean;
  /** Takes a new socket; or says with which code it is closed at once. `credential`: what came with the upgrade. */
  readonly accept: (
    socket: Socket,
    format: PlanFormat,
    credential: string | null,
  ) => SocketHandlers | { readonly closeCode: number; readonly reason: string };
  /** Takes every other request. */
  readonly onRequest: (response: RawResponse, request: RawRequest) => void;
}

export interface WebSocketServer {
  readonly port: number;
  /** Takes no new connections; those that are open stay. */
  stopListening(): void;
  /** Ends whatever is still open, without a word. */
  close(): void;
}

interface SocketData {
  /** By the subprotocol that was agreed on; null when none of those offered is known. */
  readonly format: PlanFormat | null;
  readonly credential: string | null;
  handlers: SocketHandlers | null;
}

const FORMATS: ReadonlyMap<string, PlanFormat> = new Map([
  [SUBPROTOCOL_JSON, 'json'],
  [SUBPROTOCOL_AVRO, 'avro'],
]);

type Ws = uws.WebSocket<SocketData>;

/** @throws MdsError `MDS_PORT_BUSY` */
export async function startWebSocketServer(options: WebSocketServerOptions): Promise<WebSocketServer> {
  const app = uws.App();
  app.ws<SocketData>(STREAM_PATH, {
    compression: options.compresses ? uws.SHARED_COMPRESSOR : uws.DISABLED,
    maxPayloadLength: options.maxMessageBytes * READ_LIMIT_FACTOR,
    maxBackpressure: 0,
    idleTimeout: Math.max(MIN_IDLE_TIMEOUT_SECONDS, Math.round(options.idleTimeoutMs / 1000)),
    sendPingsAutomatically: true,
    upgrade: (response, request, context) => upgrade(response, request, context, options),
    open: (ws) => open(ws, options),
    message: (ws, message, isBinary) => ws.getUserData().handlers?.onMessage(new Uint8Array(message), isBinary),
    drain: (ws) => ws.getUserData().handlers?.onDrained(),
    close: (ws) => ws.getUserData().handlers?.onSocketClosed(),
  });
  app.any('/*', (response, request) => options.onRequest(response, request));
  const listenSocket = await listen(app, options.host, options.port);
  let isListening = true;
  const stopListening = (): void => {
    if (isListening) uws.us_listen_socket_close(listenSocket);
    isListening = false;
  };
  return {
    port: uws.us_socket_local_port(listenSocket),
    stopListening,
    close: () => {
      isListening = false;
      app.close();
    },
  };
}

/** Without this option the kernel would share the port between two edges that were given the same one by mistake. */
const EXCLUSIVE_PORT = 1; // ListenOptions.LIBUS_LISTEN_EXCLUSIVE_PORT, which exists as a type only

type ListenExclusively = (
  host: string,
  port: number,
  options: number,
  listening: (listenSocket: uws.us_listen_socket | false) => void,
) => void;

async function listen(app: uws.TemplatedApp, host: string, port: number): Promise<uws.us_listen_socket> {
  const { promise, resolve, reject } = Promise.withResolvers<uws.us_listen_socket>();
  const listenExclusively = app.listen.bind(app) as unknown as ListenExclusively; // the types lack this signature
  listenExclusively(host, port, EXCLUSIVE_PORT, (listenSocket) => {
    if (listenSocket) resolve(listenSocket);
    else
      reject(
        new MdsError('MDS_PORT_BUSY', { port, service: 'client connections', holder: '', variable: 'MDS_EDGE_PORT' }),
      );
  });
  return promise;
}

function upgrade(
  response: uws.HttpResponse,
  request: uws.HttpRequest,
  context: uws.us_socket_context_t,
  { isOriginAllowed, mayConnect }: WebSocketServerOptions,
): void {
  if (!mayConnect(new Uint8Array(response.getRemoteAddress()))) {
    response.writeStatus('429 Too Many Requests').writeHeader('retry-after', '1');
    response.end('This address connects too often; wait a moment.\n');
    return;
  }
  if (!isOriginAllowed(request.getHeader('origin'))) {
    response.writeStatus('403 Forbidden').end('This origin may not connect.\n');
    return;
  }
  const { offered, credential } = readUpgrade(
    request.getHeader('authorization'),
    request.getHeader('sec-websocket-protocol'),
  );
  // An unknown offer is accepted and closed: a browser shows a page no more than "failed" when the upgrade is refused.
  const chosen = offered.find((name) => FORMATS.has(name)) ?? offered[0] ?? '';
  const format = chosen === '' ? 'json' : (FORMATS.get(chosen) ?? null);
  const data: SocketData = { format, credential, handlers: null };
  response.upgrade(
    data,
    request.getHeader('sec-websocket-key'),
    chosen,
    offersKept(request.getHeader('sec-websocket-extensions')),
    context,
  );
}

/** A client that can only inflate a smaller window than the 15 bits of the compressor (RFC 7692 §7.1.2.1). */
const SMALLER_WINDOW = /server_max_window_bits\s*=\s*"?(8|9|1[0-4])\b/;

/** Without the offers that uWebSockets.js would accept and not keep: it answers them as if the window were not asked for. */
const offersKept = (offers: string): string =>
  offers
    .split(',')
    .filter((offer) => !SMALLER_WINDOW.test(offer))
    .join(',');

function open(ws: Ws, { accept }: WebSocketServerOptions): void {
  const data = ws.getUserData();
  if (data.format === null) {
    ws.end(CLOSE_CODES.SUBPROTOCOL, `only ${[...FORMATS.keys()].join(' and ')} are spoken here`);
    return;
  }
  const accepted = accept(ws, data.format, data.credential);
  if ('closeCode' in accepted) ws.end(accepted.closeCode, accepted.reason);
  else data.handlers = accepted;
}
