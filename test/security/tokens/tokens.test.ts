// S4: at each door, whatever is not a good credential is refused, for every reason with the same words; and one of another
// tenant opens nothing of this one.

import t from 'tap';
import { until } from '../../integration/harness/until.ts';
import { ask, GuardedService, UNLIMITED } from '../harness/guarded-service.ts';
import { badKeys, badTokens, makeIssuer } from './bad-credentials.ts';
import { type Door, httpDoor, streamDoors } from './doors.ts';

/** The promise is 5 s; a busy machine has longer. */
const EFFECTIVE_MS = 15_000;

t.setTimeout(120_000);
const guarded = await GuardedService.start(t, UNLIMITED);
const [ingest, query] = [await guarded.service.addIngest(), await guarded.service.addQuery()];
await Promise.all([ingest.start(), query.start()]);
const tenant = await guarded.newTenant('acme');
const admin = await guarded.newKey({ tenant, roles: ['admin'] });
const topic = `${tenant}-orders`;
const schema = { type: 'record', name: 'Order', fields: [{ name: 'id', type: 'string' }] };
await guarded.must('POST', '/v1/topics', { name: topic, partitions: 1, schema }, admin.credential);
const issuer = await makeIssuer(`https://${tenant}.example.com/`);
const everything = [{ actions: ['publish', 'subscribe', 'manage'], topics: ['*'] }];
await guarded.must('POST', '/v1/issuers', {
  issuer: issuer.issuer,
  audiences: ['mds'],
  algorithms: ['ES256'],
  keys: { jwks: issuer.jwks },
  tenant: { fixed: tenant },
  grants: everything,
});

const edgeUrl = guarded.service.edge(0).clientUrl.replace('ws:', 'http:');
const events = `/v1/topics/${topic}/events`;
const doors: readonly Door[] = [
  httpDoor('control plane', guarded.url, 'GET', `/v1/topics/${topic}`),
  httpDoor('ingest door', ingest.httpUrl, 'POST', events, [{ id: 'a' }]),
  httpDoor('query process', query.httpUrl, 'GET', `/v1/topics/${topic}/latest`),
  httpDoor('event stream', edgeUrl, 'GET', events, undefined, { accept: 'text/event-stream' }),
  httpDoor('long poll', edgeUrl, 'GET', `${events}?wait=0s`, undefined, { accept: 'application/json' }),
  httpDoor('tickets', edgeUrl, 'POST', '/v1/tickets'),
  ...streamDoors(guarded.service.edge(0)),
];

t.test('a good key and a good token open every door', async (t) => {
  for (const credential of [admin.credential, await issuer.token()]) {
    for (const door of doors) {
      await until(`${door.name} to open`, EFFECTIVE_MS, async () => (await door.knock(`Bearer ${credential}`)).isOpen);
      t.pass(door.name);
    }
  }
});

t.test('nothing else opens any, and no reason is told from another', async (t) => {
  const bad = new Map([...(await badTokens(guarded, issuer)), ...(await badKeys(guarded, tenant))]);
  const headers = new Map<string, string | null>([
    ['nothing', null],
    ['another scheme', `Basic ${Buffer.from(`x:${admin.credential}`).toString('base64')}`],
    ['no scheme', admin.credential],
    ['an empty one', 'Bearer '],
    ['two at once', `Bearer ${admin.credential}, Bearer ${admin.credential}`],
    ...[...bad].map(([what, credential]): [string, string] => [what, `Bearer ${credential}`]),
  ]);
  for (const door of doors) {
    const said = new Set<string>();
    for (const [what, header] of headers) {
      if (door.isBare && what === 'no scheme') continue;
      // What was revoked a moment ago is refused within 5 s.
      await until(`${door.name} to refuse ${what}`, EFFECTIVE_MS, async () => !(await door.knock(header)).isOpen);
      said.add((await door.knock(header)).said);
    }
    t.ok(headers.size > 25, `${door.name} refuses ${headers.size} of them`);
    t.ok(said.size <= 2, `with the same words: ${[...said].join(' | ')}`); // with none there is one who waits for it
  }
});

t.test('a credential in a URL is none', async (t) => {
  for (const name of ['access_token', 'token', 'api_key', 'key', 'authorization']) {
    const answer = await ask(guarded.url, 'GET', `/v1/topics?${name}=${admin.credential}`);
    t.equal(answer.status, 401, name);
    t.notMatch(answer.text, admin.credential);
  }
});

t.test('a token of another tenant opens nothing of this one', async (t) => {
  const other = await guarded.newTenant('other');
  const theirs = await makeIssuer(`https://${other}.example.com/`);
  const wish = { issuer: theirs.issuer, audiences: ['mds'], algorithms: ['ES256'], keys: { jwks: theirs.jwks } };
  await guarded.must('POST', '/v1/issuers', { ...wish, tenant: { fixed: other }, grants: everything });
  const credential = await theirs.token({ tenant, tenants: [tenant], roles: ['operator'], scope: 'admin' });
  const get = (path: string) => ask(guarded.url, 'GET', path, { credential });
  await until('the token to be known', EFFECTIVE_MS, async () => (await get('/v1/whoami')).status === 200);
  const { text } = await get('/v1/whoami');
  t.match(JSON.parse(text), { tenant: other, roles: [] }, 'whatever it says of itself');
  t.equal((await get(`/v1/topics/${topic}`)).status, 404);
});
