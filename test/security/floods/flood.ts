// One tenant that floods, in a thread of its own, so that it does not hold up whoever measures.

import { Worker } from 'node:worker_threads';

export const FLOODS = ['requests', 'connects', 'strangers', 'subscribes', 'expensive filters'] as const;
export type FloodKind = (typeof FLOODS)[number];

export interface FloodTask {
  readonly kind: FloodKind;
  /** Of the control plane. */
  readonly url: string;
  readonly edgePort: number;
  readonly credential: string;
  /** Of the flooder's own. */
  readonly topic: string;
}

/** What the flooder was told, and how often: HTTP statuses, `close:<code>`, `error:<code>`, `answer:…` when it was served. */
export type Told = Readonly<Record<string, number>>;

export async function floodedFor<Seen>(task: FloodTask, meanwhile: () => Promise<Seen>): Promise<[Told, Seen]> {
  const worker = new Worker(new URL('./flood-part.ts', import.meta.url), { workerData: task });
  const { promise, resolve, reject } = Promise.withResolvers<Told>();
  worker.once('message', resolve);
  worker.once('error', reject);
  promise.catch(() => undefined); // awaited below
  const seen = await meanwhile();
  worker.postMessage('enough');
  const told = await promise;
  await worker.terminate();
  return [told, seen];
}
