// A TCP proxy that can be cut and mended: how a test takes a service away from one process and from nobody else.

import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

export interface CuttableProxy {
  readonly port: number;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  mend(): void;
}

/** @param listen called for each connection: gets what is sent to the service over it */
export async function startProxy(
  t: Test,
  targetPort: number,
  listen: () => (chunk: Buffer) => void = () => () => {},
): Promise<CuttableProxy> {
  let isCut = false;
  const sockets = new Set<Socket>();
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()); // the other end notices by itself
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((incoming) => {
    track(incoming);
    if (isCut) {
      incoming.destroy();
      return;
    }
    incoming.on('data', listen());
    const outgoing = track(createConnection(targetPort, '127.0.0.1'));
    incoming.pipe(outgoing).pipe(incoming);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    cutAll();
  });
  return {
    port: (server.address() as AddressInfo).port, // it listens on TCP
    cut: () => {
      isCut = true;
      cutAll();
    },
    mend: () => {
      isCut = false;
    },
  };
}
