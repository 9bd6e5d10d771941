// The source that looks at the health of the stack's own services. Workers and edges are those the control plane knows;
// while it is away, the ones it knew last are still looked at.

import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { authorization } from './host-topic.ts';
import type { Source } from './sampler.ts';
import { probe } from './service-probe.ts';
import { type KnownProcess, processTargets, type StackAddresses, stackTargets } from './service-targets.ts';
import { ServiceWatch } from './service-watch.ts';

const ServiceStatus = Compile(
  Type.Object({
    workers: Type.Array(Type.Object({ workerId: Type.String(), httpUrl: Type.String() })),
    edges: Type.Array(Type.Object({ edgeId: Type.String(), httpUrl: Type.String() })),
  }),
);

/** 1 s: every one of these answers in a few ms when it is well. */
const PROBE_TIMEOUT_MS = 1000;

export function serviceSource(addresses: StackAddresses, everyRounds: number): Source {
  const watch = new ServiceWatch();
  const fixed = stackTargets(addresses);
  let known: readonly KnownProcess[] = [];
  return {
    name: 'services',
    everyRounds,
    read: async () => {
      known = (await knownProcesses(addresses)) ?? known;
      const targets = [...fixed, ...processTargets(known)];
      return watch.samplesFor(await Promise.all(targets.map((target) => probe(target, PROBE_TIMEOUT_MS))));
    },
  };
}

/** @returns null when the control plane does not say; its own probe reports that */
async function knownProcesses({ apiUrl, apiKey }: StackAddresses): Promise<readonly KnownProcess[] | null> {
  let status: unknown;
  try {
    const answer = await fetch(new URL('/v1/status', apiUrl), {
      headers: authorization(apiKey),
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    status = await answer.json();
  } catch {
    return null;
  }
  if (!ServiceStatus.Check(status)) return null;
  return [
    ...status.workers.map(({ workerId, httpUrl }) => ({ service: 'stream-worker' as const, id: workerId, httpUrl })),
    ...status.edges.map(({ edgeId, httpUrl }) => ({ service: 'edge' as const, id: edgeId, httpUrl })),
  ];
}
