import t from 'tap';
import { CLOSE_CODES } from '../../../../schemas/close-codes.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import { Followed } from './followed.ts';

const types = (followed: Followed): string => followed.client.frames.map(({ type }) => type).join(' ');

t.test('a client with room gets each event at once, and nothing is parsed for it', async (t) => {
  const parsed: string[] = [];
  const parse = JSON.parse;
  const followed = new Followed({}).start();
  t.teardown(() => {
    JSON.parse = parse;
  });
  JSON.parse = (text: string) => {
    if (text.includes('"offset"') && !text.includes('"type"')) parsed.push(text);
    return parse(text);
  };
  followed.events(0, 'a', 'b', 'a');
  t.equal(followed.sentKeys, 'a b a');
  t.same(parsed, []);
  followed.fill();
  followed.events(0, 'a', 'b');
  t.equal(parsed.length, 2, 'those that wait are parsed, each once');
});

t.test('dropping never parses', async (t) => {
  const parse = JSON.parse;
  const followed = new Followed({ overflow: 'drop' }).start();
  t.teardown(() => {
    JSON.parse = parse;
  });
  followed.fill();
  JSON.parse = () => {
    throw new Error('parsed');
  };
  followed.events(0, 'a', 'b');
  JSON.parse = parse;
  followed.readAll();
  t.match(followed.client, { shed: { dropped: 2 }, complaints: [] });
});

t.test('latest: of equal key only the last event comes, in cursor order, and the rest is counted', async (t) => {
  const followed = new Followed({}).start();
  followed.fill();
  followed.events(0, 'a', 'b', 'a', 'c');
  followed.events(0, 'b');
  t.equal(followed.sentKeys, '');
  followed.readAll();
  t.equal(followed.sentKeys, 'a c b');
  t.same(followed.client.frames.slice(1), [
    { type: 'shed', id: 's', partition: 0, from: [-1, 0], to: [3, 0], count: 2, reason: 'conflated' },
    followed.client.frames[2],
  ]);
  t.match(followed.client.frames[2], { type: 'events', sub: 's', from: [-1, 0], to: [3, 0] });
  t.same(followed.shed, { dropped: 0, conflated: 2 });
});

t.test('latest: an event of another partition replaces none, since nobody knows which is newer', async (t) => {
  const followed = new Followed({}).start();
  followed.fill();
  followed.events(0, 'a');
  followed.events(1, 'a');
  followed.readAll();
  t.equal(followed.sentKeys, 'a a');
  t.same(followed.shed, { dropped: 0, conflated: 0 });
});

t.test('latest: when too much waits, what has waited longest is dropped and told', async (t) => {
  const followed = new Followed({}, { events: 2 }).start();
  followed.fill();
  followed.events(0, 'a');
  followed.events(1, 'b');
  followed.events(0, 'c', 'd');
  followed.readAll();
  t.equal(followed.sentKeys, 'c d');
  t.match(followed.client, { shed: { dropped: 2, conflated: 0 }, complaints: [] });
});

t.test('latest: what waits for all slow clients together is bounded, and given back at the end', async (t) => {
  const followed = new Followed({}).start();
  followed.fill();
  followed.events(0, 'a');
  t.ok(followed.memory.usedBytes > 0);
  followed.memory.usedBytes += followed.memory.limitBytes;
  followed.events(0, 'b');
  t.match(followed.shed, { dropped: 2 }, 'others have it all: nothing of this one may wait');
  followed.memory.usedBytes -= followed.memory.limitBytes;
  followed.events(0, 'c');
  followed.subscription.onEnd(null);
  t.equal(followed.memory.usedBytes, 0);
});

t.test('drop: what there is no room for is told before what follows', async (t) => {
  const followed = new Followed({ overflow: 'drop' }).start();
  followed.fill();
  followed.events(0, 'a', 'b');
  followed.client.bufferedBytes = 0;
  followed.events(0, 'c');
  t.equal(types(followed), 'subscribed shed events');
  t.match(followed.client.frames[1], { count: 2, reason: 'dropped', from: [-1, 0], to: [3, 0] });
  t.equal(followed.sentKeys, 'c');
});

t.test('drop: it is told as soon as there is room, also when nothing follows', async (t) => {
  const followed = new Followed({ overflow: 'drop' }).start();
  followed.fill();
  followed.events(0, 'a', 'b');
  t.ok(followed.client.isAwaitingRoom);
  followed.readAll();
  t.equal(types(followed), 'subscribed shed events');
  t.match(followed.client, { shed: { dropped: 2 }, complaints: [] });
});

t.test('maxRate with drop: so many a second come, the rest is counted', async (t) => {
  const followed = new Followed({ overflow: 'drop', maxRate: 20 }).start();
  for (let second = 0; second < 10; second++) {
    for (let i = 0; i < 100; i++) {
      followed.pass(10);
      followed.readAll();
      followed.events(0, `${second}.${i}`);
    }
  }
  followed.pass(100);
  t.ok(Math.abs(followed.client.sent.length - 200) <= 2, `${followed.client.sent.length}`);
  t.equal(followed.client.sent.length + followed.client.shed.dropped, 1000);
  t.same(followed.client.complaints, []);
});

t.test('maxRate with latest: the last value of each key comes within 100 ms of its turn', async (t) => {
  const followed = new Followed({ maxRate: 10 }).start();
  followed.events(0, 'a');
  followed.events(0, 'a', 'a');
  t.equal(followed.client.sent.length, 1);
  followed.pass(99);
  t.equal(followed.client.sent.length, 1);
  followed.pass(101);
  t.match(followed.client.sent[1], { cursor: { offset: 2, index: 1 } });
  t.equal(followed.waitingTimers, 0);
});

t.test('a position claims nothing that waits, and says so when it has gone out', async (t) => {
  const followed = new Followed({}).start();
  followed.events(1, 'x');
  followed.fill();
  followed.events(0, 'a');
  followed.client.bufferedBytes = 0; // a moment before it is asked for more
  followed.tellPosition();
  t.same(followed.client.reached.get(0), { offset: -1, index: 0 });
  followed.readAll();
  followed.tellPosition();
  t.same(followed.client.reached.get(0), { offset: 1, index: 0 });
  t.same(followed.client.complaints, []);
});

t.test('a position that is known is not told again, and none while the client is full', async (t) => {
  const followed = new Followed({}).start();
  followed.events(0);
  followed.tellPosition();
  followed.tellPosition();
  t.equal(types(followed), 'subscribed position');
  followed.events(0);
  followed.fill();
  followed.tellPosition();
  t.equal(types(followed), 'subscribed position');
});

t.test('a gap comes behind what waits of its partition', async (t) => {
  const followed = new Followed({}).start();
  followed.fill();
  followed.events(0, 'a', 'a');
  const error = new MdsError('MDS_REPLAY_EXPIRED');
  const [from, to] = [
    { offset: 1, index: 0 },
    { offset: 9, index: 0 },
  ];
  followed.subscription.onLost({ partition: 0, from, to, error });
  t.equal(types(followed), 'subscribed shed events gap');
  t.equal(followed.sentKeys, 'a');
  t.same(followed.client.complaints, []);
});

t.test('it ends as others do: with its error, or with the connection where only a resume helps', async (t) => {
  const failed = new Followed({}).start();
  failed.subscription.onEnd(new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'events', hint: '' }));
  t.match(failed.client.frames.at(-1), { type: 'error', id: 's', code: 'MDS_TOPIC_UNKNOWN' });
  t.ok(failed.client.isEnded);
  const broken = new Followed({}).start();
  broken.subscription.onEnd(new MdsError('MDS_GAP', { topic: 'events' }));
  t.equal(broken.client.closedWith, CLOSE_CODES.GAP);
});

t.test('nothing is sent behind its end', async (t) => {
  const followed = new Followed({ maxRate: 1 }).start();
  followed.events(0, 'a', 'b');
  t.equal(followed.waitingTimers, 1);
  followed.subscription.onEnd(null);
  t.equal(followed.waitingTimers, 0);
  followed.pass(10_000);
  followed.events(0, 'c');
  t.equal(types(followed), 'subscribed events');
});
