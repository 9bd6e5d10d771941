// A client that is open, and a subscription that is live, on a runtime in which nothing is real.

import { connect, type MdsError, type SubscribeOptions } from '../../../client/library/index.ts';
import type { ServerFrame } from '../../../schemas/frames.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { aSubscribed, aWorld, settle } from './fake-runtime.ts';

export interface Numbered {
  readonly n: number;
}

export async function anOpenClient() {
  const world = aWorld();
  const client = connect({ url: 'ws://edge.test/', runtime: world.runtime });
  await settle();
  world.socket().welcome({ heartbeatMs: 0 });
  const reopen = async (): Promise<void> => {
    world.clock.advance(60_000);
    await settle();
    world.socket().welcome({ heartbeatMs: 0 });
  };
  const give = (...frames: ServerFrame[]): void => {
    for (const frame of frames) world.socket().receive(frame);
  };
  return { ...world, client, reopen, give };
}

export async function aLiveSubscription(options: Partial<SubscribeOptions<Numbered>> = {}) {
  const open = await anOpenClient();
  const states: string[] = [];
  const onState = (state: string, error: MdsError | null): void => {
    states.push(error ? `${state} ${error.code}` : state);
  };
  const subscription = open.client.subscribe<Numbered>({ topic: 'host.metrics', onState, ...options });
  open.give(aSubscribed(open.socket().lastSubscribe().id));
  const iterator = subscription[Symbol.asyncIterator]();
  const next = async (): Promise<number | undefined> => (await iterator.next()).value?.data.n;
  return { ...open, subscription, states, iterator, next };
}

export const offsetOf = (token: string | null, partition = 0): number | undefined =>
  token === null ? undefined : decodeResumeToken(token).position.get(partition)?.offset;

export const aGap = (id: string, from: number, to: number): ServerFrame => ({
  type: 'gap',
  id,
  partition: 0,
  from: [from, 0],
  to: [to, 0],
  code: 'MDS_REPLAY_EXPIRED',
  message: 'Kafka no longer has it.',
});

export const aShed = (
  id: string,
  from: number,
  to: number,
  count: number,
  reason: 'dropped' | 'conflated' = 'dropped',
): ServerFrame => ({ type: 'shed', id, partition: 0, from: [from, 0], to: [to, 0], count, reason });
