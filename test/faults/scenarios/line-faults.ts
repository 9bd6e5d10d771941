// Bad lines between the tiers: nothing passes for a while, or everything late, in pieces and damaged.

import { setTimeout as sleep } from 'node:timers/promises';
import { LINES, startProxiedService } from '../framework/proxied-service.ts';
import type { Scenario } from '../framework/scenario.ts';

const PARTITIONS_MS = [10_000, 30_000] as const;
const BAD_LINES_MS = 20_000;
/** Begins every envelope; what stands behind it is under its checksum. */
const ENVELOPE_MAGIC = Buffer.from('MDSL');
const CORRUPTED_AT_BYTES = 60;
const CORRUPTED_PERCENT = 2;

export const partitions: Scenario = {
  id: 'R8',
  title: 'nothing passes between two tiers for 10 s and for 30 s, each pair in turn',
  timeoutMs: 480_000,
  async run(run) {
    const { service, lines, clientUrls } = await startProxiedService(run, await run.stack());
    const load = await run.workload(service, {
      eventsPerSecond: 1000,
      connect: (at) => ({ url: clientUrls[Math.floor(at / 2) % clientUrls.length] ?? '' }),
    });
    for (const name of LINES) {
      for (const partitionMs of PARTITIONS_MS) {
        lines[name].partition();
        await sleep(partitionMs);
        lines[name].heal();
        const healedMs = await load.progress();
        run.say(`${name} for ${partitionMs / 1000} s: all have events ${(healedMs / 1000).toFixed(1)} s later`);
      }
    }
    return load.settle();
  },
};

export const badLines: Scenario = {
  id: 'R9',
  title: 'every line 50 ms ± 20 ms late, 1 % lost and sent again, and 2 % of envelopes damaged on the lane',
  async run(run) {
    const { service, lines, clientUrls } = await startProxiedService(run, await run.stack());
    const load = await run.workload(service, {
      eventsPerSecond: 1000,
      connect: (at) => ({ url: clientUrls[Math.floor(at / 2) % clientUrls.length] ?? '' }),
    });
    for (const name of LINES) lines[name].set({ delayMs: 50, jitterMs: 20, lossPercent: 1 });
    let damaged = 0;
    const corrupt = (chunk: Buffer): boolean => {
      const at = chunk.indexOf(ENVELOPE_MAGIC) + CORRUPTED_AT_BYTES;
      if (at < CORRUPTED_AT_BYTES || at >= chunk.length || run.random.below(100) >= CORRUPTED_PERCENT) return false;
      chunk.writeUInt8(chunk.readUInt8(at) ^ (1 << run.random.below(8)), at);
      damaged += 1;
      return true;
    };
    lines['edge–Redis'].set({ corrupt }, ['toClient']);
    await sleep(BAD_LINES_MS);
    await load.progress();
    if (damaged === 0) run.problem('no envelope was damaged');
    run.note(`${damaged} envelopes damaged`);
    for (const name of LINES) lines[name].heal();
    return load.settle();
  },
};
