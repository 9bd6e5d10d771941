// A TCP proxy before Redis that takes the lane away from an edge in the ways in which networks do: bytes vanish while both
// ends believe themselves connected. Everything else of the edge goes on; new connections are well.

import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export interface LaneProxy {
  readonly url: string;
  /** Lane connections made until now. */
  readonly laneCount: number;
  /** What Redis pushes on the present lane connections is swallowed; questions are still answered as long as none comes. */
  swallow(): void;
  /** The present lane connections are half open: nothing comes through in any direction, not even their end. */
  stall(): void;
  /** As stalled, also for new lane connections, until `mend`. */
  stallAll(): void;
  mend(): void;
  close(): void;
}

interface Link {
  readonly incoming: Socket;
  readonly outgoing: Socket;
  isLane: boolean;
  state: 'well' | 'swallowing' | 'stalled';
}

export async function startLaneProxy(targetUrl: string): Promise<LaneProxy> {
  const links = new Set<Link>();
  let stallsAll = false;
  let laneCount = 0;
  const server = createServer((incoming) => {
    const outgoing = createConnection(Number(new URL(targetUrl).port), '127.0.0.1');
    const link: Link = { incoming, outgoing, isLane: false, state: 'well' };
    links.add(link);
    incoming.on('data', (data) => {
      if (!link.isLane && data.includes('ssubscribe')) {
        link.isLane = true;
        laneCount += 1;
        if (stallsAll) link.state = 'stalled';
      }
      if (link.state !== 'stalled') outgoing.write(data);
    });
    outgoing.on('data', (data) => {
      if (link.state === 'well') incoming.write(data);
    });
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      socket.on('error', () => socket.destroy()); // the other end notices by its close
      socket.on('close', () => {
        if (link.state !== 'stalled') other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lanes = (): Link[] => [...links].filter(({ isLane }) => isLane);
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, // it listens on TCP
    get laneCount() {
      return laneCount;
    },
    swallow: () => {
      for (const link of lanes()) link.state = 'swallowing';
    },
    stall: () => {
      for (const link of lanes()) link.state = 'stalled';
    },
    stallAll: () => {
      stallsAll = true;
      for (const link of lanes()) link.state = 'stalled';
    },
    mend: () => {
      stallsAll = false;
    },
    close: () => {
      server.close();
      for (const { incoming, outgoing } of links) {
        incoming.destroy();
        outgoing.destroy();
      }
    },
  };
}
