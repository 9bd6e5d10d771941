// Suite `connections`: what an idle connection costs the edge in memory, and how fast they are taken.

import { setTimeout as delay } from 'node:timers/promises';
import { figureOnce } from '../figure.ts';
import { BenchService } from '../load/bench-service.ts';
import { residentBytesOf } from '../load/process-usage.ts';
import type { Figure } from '../result.ts';
import type { Suite } from '../suite.ts';
import { Part } from './ceilings/part.ts';

/** The first ones let the edge's code and heap reach their size; the next ones are measured. */
const FIRST = 1000;
const MEASURED = { quick: 3000, full: 6000 } as const;
/** The collector has done its work and freed pages are given back. */
const SETTLE_MS = 4000;

export const connectionsSuite: Suite = {
  name: 'connections',
  summary: 'memory of the edge per idle connection, connect rate',
  runsBy: 'full',
  run: async ({ stack, size, progress }) => {
    const { services } = await stack();
    const figures: Figure[] = [];
    const failures: string[] = [];
    for (const kind of ['idle', 'subscribed'] as const) {
      const service = await BenchService.start(services, {
        workers: 1,
        edges: 1,
        env: { MDS_EDGE_MAX_CONNECTIONS: '20000' },
      });
      await service.createTopic('connections', 4);
      const topic = kind === 'subscribed' ? { topic: 'connections' } : {};
      const part = new Part(new URL('../load/idle-part.ts', import.meta.url), { port: service.edgePort(0), ...topic });
      try {
        await part.answer('ready');
        const pid = service.edges[0]?.record.pid ?? 0;
        const connect = async (count: number) => {
          part.send({ kind: 'connect', count });
          const answer = await part.answer('connected');
          await delay(SETTLE_MS);
          return { seconds: Number(answer.seconds), failures: Number(answer.failures), rssBytes: residentBytesOf(pid) };
        };
        const before = await connect(FIRST);
        const after = await connect(MEASURED[size]);
        const bytes = (after.rssBytes - before.rssBytes) / MEASURED[size];
        const rate = MEASURED[size] / after.seconds;
        progress(`${kind}: ${(bytes / 1000).toFixed(1)} KB a connection, ${Math.round(rate)} connected a second`);
        if (after.failures > 0) failures.push(`${after.failures} connections were lost`);
        const label = kind === 'idle' ? 'idle connection' : 'connection with one quiet subscription';
        figures.push(figureOnce(`connections.${kind}Bytes`, `${label}: memory of the edge`, 'bytes', 'lower', bytes));
        figures.push(
          figureOnce(`connections.${kind}PerSecond`, `${label}s taken a second`, 'connections/s', 'higher', rate),
        );
      } finally {
        await part.end();
        await service.stop();
      }
    }
    return {
      config: {
        connections: FIRST + MEASURED[size],
        measured: `resident memory from connection ${FIRST} on`,
        settleMs: SETTLE_MS,
      },
      failures,
      figures,
      runs: [],
      profiles: [],
    };
  },
};
