// How a Fastify server of the project listens: what it takes in before anybody is known. With platform/http-limits.ts in one
// place, so that no door stands open wider than another.

import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { MdsError } from '../../schemas/errors.ts';
import { HTTP_SERVER_OPTIONS, KEEP_ALIVE_TIMEOUT_MS, limitConnections, ROUTER_OPTIONS } from '../http-limits.ts';

export interface HttpServerSettings {
  readonly bodyLimitBytes: number;
  /** Addresses, or networks as 10.0.0.0/8, whose X-Forwarded-For is believed. */
  readonly httpTrustedProxies: readonly string[];
}

/** 16 KiB, Node's own: a token with many claims has 4. */
const MAX_HEADER_BYTES = 16_384;
/** Longer than any answer takes between two writes (15 s), shorter than a dead peer may hold a socket. */
const IDLE_SOCKET_MS = 120_000;
/** Ours have a dozen. */
const MAX_HEADERS = 100;

/** Options for `fastify(…)`. */
export function httpServerOptions({ bodyLimitBytes, httpTrustedProxies }: HttpServerSettings) {
  return {
    bodyLimit: bodyLimitBytes,
    requestTimeout: HTTP_SERVER_OPTIONS.requestTimeout, // Fastify's own default is none
    connectionTimeout: IDLE_SOCKET_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: true, // a browser's idle connections would hold up the drain
    trustProxy: httpTrustedProxies.length === 0 ? false : [...httpTrustedProxies],
    genReqId: () => randomUUID(),
    routerOptions: ROUTER_OPTIONS,
    http: { ...HTTP_SERVER_OPTIONS, maxHeaderSize: MAX_HEADER_BYTES },
  };
}

/** Further connections of an address are closed at once: they get no answer, and cost no more than their handshake. */
export function limitConnectionsPerAddress(server: Server, perAddress: number): void {
  limitConnections(server);
  server.maxHeadersCount = MAX_HEADERS;
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    if (count > perAddress) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}

/** @throws MdsError `MDS_PORT_BUSY` */
export async function listening<Result>(service: string, port: number, begin: () => Promise<Result>): Promise<Result> {
  try {
    return await begin();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') throw error;
    throw new MdsError('MDS_PORT_BUSY', { port, service, holder: '', variable: 'MDS_HTTP_PORT' }, { cause: error });
  }
}
