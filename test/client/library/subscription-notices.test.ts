// What a subscription is told between its events: gaps, and what the edge left out by the subscription's own policy.

import t from 'tap';
import type { Gap } from '../../../client/library/index.ts';
import { anEventsFrame } from './fake-runtime.ts';
import { aGap, aLiveSubscription, offsetOf } from './open-client.ts';

t.test('a gap is told in its place between the events', async (t) => {
  const told: (number | Gap)[] = [];
  const { client, give, socket, next, subscription } = await aLiveSubscription({ onGap: (gap) => told.push(gap) });
  const { id } = socket().lastSubscribe();
  give(anEventsFrame([1]), aGap(id, 1, 5), aGap(id, 1, 5), anEventsFrame([6]));
  told.push((await next()) ?? -1);
  t.equal(offsetOf(subscription.token), 1);
  told.push((await next()) ?? -1);
  t.match(told, [1, { partition: 0, from: { offset: 1 }, to: { offset: 5 }, code: 'MDS_REPLAY_EXPIRED' }, 6]);
  t.equal(told.length, 3, 'the same gap is told once');
  client.close();
});

t.test('without anyone to tell, iterating throws at a gap and may go on behind it', async (t) => {
  const { client, give, socket, next } = await aLiveSubscription();
  give(aGap(socket().lastSubscribe().id, 0, 5), anEventsFrame([6]));
  await t.rejects(next(), { code: 'MDS_REPLAY_EXPIRED', message: 'Kafka no longer has it.', details: { gap: {} } });
  t.equal(await next(), 6);
  client.close();
});
