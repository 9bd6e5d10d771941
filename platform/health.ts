// What a process says about itself over HTTP: /healthz (it is alive), /readyz (it can do its job, or the reasons why not)
// and /metrics. A process that is not ready goes on trying; nobody restarts it for that.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MdsError } from '../schemas/errors.ts';
import { variableOf } from './config.ts';
import { HTTP_SERVER_OPTIONS, limitConnections } from './http-limits.ts';
import type { Metrics } from './metrics.ts';
import { noRoute } from './problem-details.ts';

export interface Readiness {
  readonly ready: boolean;
  /** `name: why not`, one for each thing that is missing. */
  readonly reasons: readonly string[];
}

/** Ready when nothing it has been told about is missing. */
export class Health {
  readonly #reasons = new Map<string, string>();
  readonly #onChange: (readiness: Readiness) => void;

  /** @param onChange called when readiness turns, not for each reason */
  constructor(onChange: (readiness: Readiness) => void = () => {}) {
    this.#onChange = onChange;
  }

  /** @param name what it is about: `kafka`, `lane`… */
  setReady(name: string, ok: boolean, reason = 'it is not available'): void {
    const wasReady = this.#reasons.size === 0;
    if (ok) this.#reasons.delete(name);
    else this.#reasons.set(name, reason);
    if (wasReady !== (this.#reasons.size === 0)) this.#onChange(this.readiness());
  }

  readiness(): Readiness {
    const reasons = [...this.#reasons].map(([name, reason]) => `${name}: ${reason}`);
    return { ready: reasons.length === 0, reasons };
  }
}

export interface HealthAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export const HEALTH_PATHS = ['/healthz', '/readyz', '/metrics'] as const;

/** @returns null for a path that is not one of `HEALTH_PATHS` */
export async function answerHealth(path: string, health: Health, metrics: Metrics): Promise<HealthAnswer | null> {
  switch (path) {
    case '/healthz':
      return json(200, { status: 'alive', pid: process.pid, uptimeSeconds: Math.round(process.uptime()) });
    case '/readyz': {
      const readiness = health.readiness();
      return json(readiness.ready ? 200 : 503, readiness);
    }
    case '/metrics':
      return { status: 200, contentType: metrics.registry.contentType, body: await metrics.registry.metrics() };
    default:
      return null;
  }
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  readonly health: Health;
  readonly metrics: Metrics;
}

/** @throws MdsError `MDS_PORT_BUSY` */
export async function startHealthServer({ host, port, health, metrics }: HealthServerOptions): Promise<HealthServer> {
  const server = createServer(HTTP_SERVER_OPTIONS, (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    answerHealth(path, health, metrics)
      .then((answer) => answer ?? problem(noRoute(request.method ?? '', path)))
      .catch((error: unknown) => problem(new MdsError('MDS_INTERNAL', { reference: String(error) })))
      .then(({ status, contentType, body }) => {
        response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' }).end(body);
      });
  });
  limitConnections(server);
  await listen(server, host, port);
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) }; // a TCP server's address
}

/**
 * Begins to listen.
 *
 * @throws MdsError `MDS_PORT_BUSY` when another process has the port
 */
export async function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') throw error;
    const details = { port, service: 'health and metrics', holder: '', variable: variableOf('httpPort') };
    throw new MdsError('MDS_PORT_BUSY', details, { cause: error });
  } finally {
    server.off('error', reject);
  }
}

async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve()); // its only error is "not running", which is what is wanted
  server.closeAllConnections();
  await promise;
}

const json = (status: number, value: unknown): HealthAnswer => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body: JSON.stringify(value),
});

const problem = (error: MdsError): HealthAnswer => json(error.status, error.toJSON());
