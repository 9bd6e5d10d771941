// How long anybody may take to send a request, and how many may try at once: the same at every HTTP server of the project,
// so that whoever opens connections and says nothing, or a byte a second, holds none of them for long.

import type { Server, ServerOptions } from 'node:http';

/** 10 s for the headers: they are one packet. 30 s for all of a request: the largest body at 1 MB/s, several times over. */
export const HTTP_SERVER_OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** Node looks only so often; its 30 s would add that much to each limit. */
  connectionsCheckingInterval: 2000,
} as const satisfies ServerOptions;

/** The longest name has 200 characters, each of at most nine when it is percent-encoded; Fastify's own 100 were too few. */
export const ROUTER_OPTIONS = { maxParamLength: 2000 } as const;

/** Longer than the 60 s for which load balancers keep theirs open, so that it is never the server that closes first. */
export const KEEP_ALIVE_TIMEOUT_MS = 72_000;

/** More are closed at once. Below the usual limit of open files; what is idle costs some KB each. */
const MAX_CONNECTIONS = 10_000;

export function limitConnections(server: Server): void {
  server.maxConnections = MAX_CONNECTIONS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
}
