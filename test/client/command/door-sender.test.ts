import t from 'tap';
import { DoorSender } from '../../../client/command/door-sender.ts';

const RECORD = Uint8Array.of(0, 0, 0, 0, 7, 1);
const GOOD = { accepted: 1, duplicates: 0, rejected: 0, failed: 0, results: [] };
const REJECTED = { index: 3, status: 'rejected', code: 'MDS_EVENT_INVALID', path: '$.value', detail: 'no number' };
const FAILED = { index: 3, status: 'failed', code: 'MDS_EVENT_IN_PROGRESS', detail: 'try again' };

const answering = (status: number, body: unknown) =>
  new DoorSender('http://door.test/', 'a topic', async () => new Response(JSON.stringify(body), { status }));
const send = (sender: DoorSender): Promise<void> => sender.produce('acme.a topic', null, RECORD);

t.test('a record is posted as it is', async (t) => {
  const asked: { url: string; init: RequestInit | undefined }[] = [];
  const sender = new DoorSender('http://door.test/', 'a topic', async (url, init) => {
    asked.push({ url, init });
    return Response.json(GOOD);
  });
  await send(sender);
  t.match(asked, [
    {
      url: 'http://door.test/v1/topics/a%20topic/events',
      init: { method: 'POST', headers: { 'content-type': 'application/vnd.mds.avro' } },
    },
  ]);
  t.equal(String(asked[0]?.init?.body), Buffer.from(RECORD).toString());
});

t.test('what the door refuses, or what it cannot tell, is an error', async (t) => {
  const problem = { code: 'MDS_FORBIDDEN', detail: 'No grant.' };
  await t.rejects(send(answering(403, problem)), { code: 'MDS_FORBIDDEN', message: 'No grant.' });
  await t.rejects(send(answering(200, { ...GOOD, rejected: 1, results: [REJECTED] })), {
    code: 'MDS_EVENT_INVALID',
    message: 'Event 3 of a record does not fit the schema at $.value: no number [MDS_EVENT_INVALID].',
  });
  await t.rejects(send(answering(200, { ...GOOD, failed: 1, results: [FAILED] })), {
    code: 'MDS_DEPENDENCY_UNAVAILABLE',
    message: /try again/,
  });
  for (const odd of [answering(502, '<html>'), answering(200, {}), answering(200, null)]) {
    await t.rejects(send(odd), { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /door\.test.* HTTP/ });
  }
  const away = new DoorSender('http://door.test', 'a', async () => {
    throw new TypeError('fetch failed', { cause: new Error('refused') });
  });
  await t.rejects(send(away), { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /refused/ });
});

t.test('a few requests at a time, and the next when one is answered', async (t) => {
  const answers: (() => void)[] = [];
  const sender = new DoorSender('http://door.test', 'a', async () => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return Response.json(GOOD);
  });
  const sent = Array.from({ length: 8 }, () => send(sender));
  let hasRoom = false;
  const room = sender.room().then(() => {
    hasRoom = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(hasRoom, false);
  answers.shift()?.();
  await room;
  for (const answer of answers) answer();
  await Promise.all([...sent, sender.disconnect()]);
});

t.test('a door is a URL', async (t) => {
  for (const door of ['', 'door.test', 'ws://door.test']) {
    t.throws(() => new DoorSender(door, 'a', fetch), { code: 'MDS_CONFIG_INVALID' }, door);
  }
});
