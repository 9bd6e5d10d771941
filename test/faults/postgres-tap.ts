// A TCP proxy in front of Postgres that watches the statements that pass and can stop the world at one of them: what it
// holds back was never sent, or its answer never arrived.

import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { freePort } from '../integration/harness/free-port.ts';

/** `asked`: the statement does not reach Postgres; `answered`: Postgres has done it, and its answer is held back. */
export interface TapPoint {
  readonly statement: string;
  readonly at: 'asked' | 'answered';
}

export interface PostgresTap {
  /** The URL of the database through the tap. */
  readonly url: string;
  /** Fulfilled when the statement passes for the first time; from then on that connection carries nothing. */
  stopAt(point: TapPoint): Promise<void>;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

export async function tapPostgres(databaseUrl: string): Promise<PostgresTap> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let armed: { readonly point: TapPoint; readonly reached: () => void } | null = null;

  const server = createServer((client) => {
    const upstream = connectTcp(Number(target.port), target.hostname);
    let isStopped = false;
    let awaitsAnswer: (() => void) | null = null;
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (isStopped) return;
      if (armed && bytes.includes(armed.point.statement)) {
        const { point, reached } = armed;
        armed = null;
        if (point.at === 'asked') {
          isStopped = true;
          reached();
          return;
        }
        awaitsAnswer = reached;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (isStopped) return;
      if (awaitsAnswer) {
        isStopped = true;
        awaitsAnswer();
        return;
      }
      client.write(bytes);
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.port = String(port);
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    stopAt: (point) =>
      new Promise((resolve) => {
        armed = { point, reached: resolve };
      }),
    cut,
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
