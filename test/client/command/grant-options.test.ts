import { join } from 'node:path';
import t from 'tap';
import { grant, grantsOf } from '../../../client/command/grant-options.ts';

t.test('actions and topics are written with a colon between, several times', async (t) => {
  const first = grant('subscribe:host.*');
  t.same(grant('publish,manage:alerts,orders', first), [
    { actions: ['subscribe'], topics: ['host.*'] },
    { actions: ['publish', 'manage'], topics: ['alerts', 'orders'] },
  ]);
});

t.test('what is not so is refused with what would be right', async (t) => {
  for (const text of ['', 'subscribe', 'subscribe:', ':a', 'read:a', 'subscribe:a:b', 'subscribe:a,', 'subscribe,:a']) {
    t.throws(() => grant(text), /write actions:topics, such as subscribe:host\.\*/, text);
  }
});

t.test('a filter binds every grant of the command line, and is refused where there is none', async (t) => {
  const file = join(
    t.testdir({ 'grants.json': '[{"actions":["manage"],"topics":["a"],"filter":"value > 1.0"}]' }),
    'grants.json',
  );
  const filter = 'labels["team"] == claims.team';
  t.same(await grantsOf({ grant: grant('subscribe:b', grant('subscribe:c')), filter, grants: file }), [
    { actions: ['subscribe'], topics: ['c'], filter },
    { actions: ['subscribe'], topics: ['b'], filter },
    { actions: ['manage'], topics: ['a'], filter: 'value > 1.0' },
  ]);
  t.equal(await grantsOf({}), undefined, 'none given is not the same as none');
  await t.rejects(grantsOf({ filter }), { code: 'MDS_REQUEST_INVALID' });
  await t.rejects(grantsOf({ filter, grants: file }), { code: 'MDS_REQUEST_INVALID' });
});

t.test('a file that is not there, or is no JSON, is told', async (t) => {
  const dir = t.testdir({ 'bad.json': '[' });
  for (const name of ['bad.json', 'none.json']) {
    await t.rejects(grantsOf({ grants: join(dir, name) }), { code: 'MDS_REQUEST_INVALID', message: new RegExp(name) });
  }
});
