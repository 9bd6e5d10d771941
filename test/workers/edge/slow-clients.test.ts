import t from 'tap';
import { SlowClients } from '../../../workers/edge/slow-clients.ts';

const aClient = (id: string, peer = '10.0.0.1') => ({ id, identity: { tenant: 'acme' }, peer, bufferedBytes: 0 });

t.test('a client is slow from when it was behind until it has read everything; its worst stays', async (t) => {
  const slow = new SlowClients();
  const client = aClient('e/1');
  client.bufferedBytes = 500;
  slow.onBehind(client, 1000);
  slow.sample(1100);
  client.bufferedBytes = 200;
  slow.onBehind(client, 1150);
  slow.sample(1200);
  t.match(slow.top(20), [{ connection: 'e/1', bufferedBytes: 200, worstBufferedBytes: 500, behindSinceMs: 1000 }]);
  t.equal(slow.behindCount, 1);
  client.bufferedBytes = 0;
  slow.sample(1300);
  t.match(slow.top(20), [{ bufferedBytes: 0, worstBufferedBytes: 500, behindSinceMs: null }]);
  t.equal(slow.behindCount, 0);
});

t.test('who is behind now comes before who lost events, and only so many are shown', async (t) => {
  const slow = new SlowClients();
  const [behind, shedding, shedMore] = [aClient('behind'), aClient('shedding'), aClient('shedMore')];
  slow.onShed(shedding, { dropped: 1, conflated: 2 }, 0);
  slow.onShed(shedMore, { dropped: 5, conflated: 0 }, 0);
  slow.onShed(shedMore, { dropped: 5, conflated: 1 }, 0);
  behind.bufferedBytes = 1;
  slow.onBehind(behind, 0);
  t.same(
    slow.top(20).map(({ connection }) => connection),
    ['behind', 'shedMore', 'shedding'],
  );
  t.match(slow.top(2)[1], { droppedEvents: 10, conflatedEvents: 1 });
  t.equal(slow.top(2).length, 2);
});

t.test('a client that was closed as slow stays on the list, with how often its address was', async (t) => {
  const slow = new SlowClients();
  for (const id of ['e/1', 'e/2']) {
    const client = aClient(id);
    slow.onBehind(client, 0);
    slow.onClosedAsSlow(client, 2000, 5);
    slow.onClosed(client);
  }
  const left = aClient('e/3');
  slow.onBehind(left, 0);
  slow.onClosed(left);
  t.match(slow.top(20), [
    { connection: 'e/1', closedAtMs: 5, closedAsSlow: 2, worstBufferedBytes: 2000 },
    { connection: 'e/2', closedAsSlow: 2 },
  ]);
  t.equal(slow.top(20).length, 2);
});

t.test(
  'a client that kept up for ten minutes is forgotten, and so is the oldest when there are too many',
  async (t) => {
    const slow = new SlowClients();
    const client = aClient('e/1');
    slow.onBehind(client, 0);
    slow.sample(600_000);
    t.equal(slow.top(20).length, 1);
    slow.sample(600_001);
    t.equal(slow.top(20).length, 0);
    for (let i = 0; i < 1500; i++) slow.onBehind(aClient(`e/${i}`), 0);
    t.equal(slow.top(5000).length, 1000);
    t.match(slow.top(1), [{ connection: 'e/500' }]);
  },
);
