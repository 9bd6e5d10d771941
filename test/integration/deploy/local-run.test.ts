// What a person does after `make run`, with real processes: finds the operator's key, makes a tenant, logs in as its admin,
// gives a publisher and a reader keys of their own, rotates one, and revokes it while it is in use.

import { chmodSync, existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { findChromium, startBrowser } from '../../browser/browser.ts';
import { type Finished, runMds, startMds } from '../../client/command/run-mds.ts';
import { freePortBase } from '../harness/free-port.ts';
import { until } from '../harness/until.ts';
import { cleanLocalHome, LocalRun } from './local-run.ts';

t.setTimeout(600_000);

/** The promise is 5 s; a busy machine has longer. */
const EFFECTIVE_MS = 15_000;
const ARRIVES_MS = 60_000;

const dir = await mkdtemp(join(tmpdir(), 'mds-run-'));
const place = { home: join(dir, 'home'), portBase: await freePortBase() };
const keyFile = join(place.home, 'auth', 'credentials.json');
const door = `http://127.0.0.1:${place.portBase + 36}`;
const service = {
  MDS_API_URL: `http://127.0.0.1:${place.portBase}`,
  MDS_QUERY_URL: `http://127.0.0.1:${place.portBase + 38}`,
};
t.teardown(() => rm(dir, { recursive: true, force: true }));

/** A person with a directory for what `mds login` keeps; only the operator has the home of make run. */
const person = (name: string, home = join(dir, 'none')) => {
  const env = { ...service, XDG_CONFIG_HOME: join(dir, name), MDS_HOME: home };
  return { env, mds: (...args: string[]): Promise<Finished> => runMds(args, env) };
};
const operator = person('operator', place.home);
const lead = person('lead');

/** @returns stdout @throws Error unless the exit code is 0 */
async function good(finished: Promise<Finished>): Promise<string> {
  const { code, stdout, stderr } = await finished;
  if (code !== 0) throw new Error(`exit code ${code}: ${stdout}${stderr}`);
  return stdout.trim();
}
const withKey = (key: string) => ({ ...service, MDS_API_KEY: key, MDS_HOME: join(dir, 'none') });
const idOf = (key: string): string => key.split('_')[1] ?? '';

function publish(key: string, id: string, team: string): Promise<Response> {
  const event = {
    id,
    service: 'shop',
    host: 'web-1',
    kind: 'LOG',
    name: 'sold',
    timestamp: Date.now() * 1000,
    labels: { team },
  };
  return fetch(`${door}/v1/topics/orders/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
  });
}

let run = LocalRun.start(place);
t.teardown(() => run.stop());
await run.ready();
const [operatorKey = ''] = /mds_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}/.exec(run.said) ?? [];

t.test('make run shows the key once, keeps it for its owner only, and mds finds it', async (t) => {
  t.equal(run.said.split(operatorKey).length, 2, 'shown once');
  t.notMatch(run.said, new RegExp(`http\\S*${operatorKey}`), 'and in no URL');
  t.equal(statSync(keyFile).mode & 0o777, 0o600);
  t.match(await good(operator.mds('whoami')), `key:${idOf(operatorKey)} of tenant default\nroles: admin, operator`);
  t.match(await lead.mds('topics'), { code: 1, stderr: /MDS_UNAUTHENTICATED/ }, 'nobody else is let in');
  t.match(await lead.mds('subscribe', 'host.metrics'), { code: 1, stderr: /MDS_UNAUTHENTICATED/ });
});

t.test("the service's own telemetry arrives, and commands on it work", async (t) => {
  const events = await good(
    operator.mds('subscribe', 'host.metrics', '--filter', 'name == "cpu.usage"', '--count', '2'),
  );
  t.equal(events.split('\n').length, 2);
  t.match(await good(operator.mds('status')), /STREAM WORKER .*\n.*running/);
  t.match(await good(operator.mds('explain', 'host.metrics', '--filter', 'value > 50.0')), /of the last \d+ events/);
  t.ok(await good(operator.mds('recent', 'host.metrics', '--limit', '1')));
  await until(
    'the live line to count',
    ARRIVES_MS,
    () => /events\/s in [1-9]/.test(run.said),
    () => run.said,
  );
  t.notMatch(run.said, 'does not answer');
});

t.test('the page asks for the key, and shows what happens', async (t) => {
  const chromium = findChromium();
  if (chromium === null) throw new Error('there is no Chromium: run make setup-tests');
  const browser = await startBrowser(chromium, { viewport: { width: 1280, height: 800 } });
  t.teardown(() => browser.close());
  const page = await browser.context.newPage();
  page.setDefaultTimeout(ARRIVES_MS);
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) troubles.push(message.text());
  });
  page.on('request', (request) => {
    if (request.url().includes(operatorKey)) troubles.push(request.url());
  });
  await page.goto(service.MDS_API_URL);
  await page.getByLabel('API key or token').fill(operatorKey);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#connection[data-state="live"]');
  await page.waitForSelector('.row');
  t.match(await page.locator('#health-verdict').textContent(), /Events are/);
  const directory = process.env.MDS_SCREENSHOTS;
  if (directory !== undefined) await page.screenshot({ path: join(directory, 'make-run.png') });
  t.same(troubles, []);
});

let publisher = '';
let reader = '';

t.test('a tenant is made, its admin logs in, and gives keys that can do one thing each', async (t) => {
  await good(operator.mds('tenants', 'create', 'acme', '--topics', '5'));
  const leadKey = await good(operator.mds('keys', 'create', 'lead', '--tenant', 'acme', '--role', 'admin'));
  t.match(await good(runMds(['login'], lead.env, `${leadKey}\n`)), 'of tenant acme');
  t.match(await lead.mds('tenants'), { code: 1, stderr: /MDS_FORBIDDEN/ });
  t.match(await lead.mds('topics'), { stdout: /^There are no topics/ }, "another tenant's are not there");
  await good(lead.mds('topics', 'create', 'orders', '--partitions', '1'));
  publisher = await good(lead.mds('keys', 'create', 'shop', '--grant', 'publish:orders', '--expires', '1d'));
  const onlySre = ['--grant', 'subscribe:orders', '--filter', 'labels["team"] == "sre"'];
  reader = await good(lead.mds('keys', 'create', 'screens', ...onlySre));
  t.match(await lead.mds('keys'), { stdout: /\nmds_\w+ +screens +valid +subscribe:orders \(filtered\)/ });
});

t.test('what is published arrives, as far as the mandatory filter lets it', async (t) => {
  const subscribing = startMds(['subscribe', 'orders', '--format', 'json'], withKey(reader));
  let sent = 0;
  const isPublished = async (): Promise<void> => {
    const [other, own] = [await publish(publisher, `db-${sent}`, 'db'), await publish(publisher, `sre-${sent}`, 'sre')];
    t.same([other.status, own.status], [200, 200], 'both are accepted');
    sent += 1;
  };
  const arrives = subscribing.says('"sre-');
  const timer = setInterval(() => void isPublished(), 500);
  await arrives.finally(() => clearInterval(timer));
  subscribing.child.kill('SIGINT');
  const { stdout, code } = await subscribing.finished;
  t.equal(code, 0);
  t.notMatch(stdout, '"db-', 'nothing of another team');
  t.equal((await publish(reader, 'x', 'sre')).status, 403, 'the reader may not publish');
  const lines = ['a', 'b']
    .map((name) => JSON.stringify({ service: 'shop', host: 'web-1', kind: 'LOG', name }))
    .join('\n');
  const publishAs = (key: string) => runMds(['publish', 'orders', '--door', door, '--fill'], withKey(key), lines);
  t.match(await publishAs(publisher), { code: 0, stdout: /^published 2 events/ });
  t.match(await publishAs(reader), { code: 1, stderr: /MDS_FORBIDDEN/ });
  t.match(await runMds(['subscribe', 'orders'], withKey(publisher)), { code: 1, stderr: /MDS_FORBIDDEN/ });
});

t.test('a rotated key has two secrets for the overlap, and none of them when it is revoked', async (t) => {
  const rotated = await good(lead.mds('keys', 'rotate', idOf(reader), '--overlap', '1h'));
  t.not(rotated, reader);
  for (const secret of [reader, rotated]) t.match(await good(runMds(['whoami'], withKey(secret))), 'of tenant acme');
  const inUse = [reader, rotated].map((secret) =>
    startMds(['subscribe', 'orders', '--format', 'json'], withKey(secret)),
  );
  const flowing = Promise.all(inUse.map((one) => one.says('"late-')));
  let sent = 0;
  const timer = setInterval(() => void publish(publisher, `late-${sent++}`, 'sre'), 500);
  await flowing.finally(() => clearInterval(timer));
  await good(lead.mds('keys', 'revoke', idOf(reader), '--yes'));
  const revokedMs = performance.now();
  for (const { finished } of inUse) t.match(await finished, { code: 1, stderr: /MDS_UNAUTHENTICATED/ });
  const cutMs = performance.now() - revokedMs;
  t.comment(`cut ${Math.round(cutMs)} ms after it was revoked`);
  t.ok(cutMs < EFFECTIVE_MS);
  t.match(await runMds(['whoami'], withKey(rotated)), { code: 1, stderr: /came from MDS_API_KEY/ });
  t.match(await good(lead.mds('audit', '--kind', 'key')), /revoke|delete/);
});

t.test('a later run says where the key is, and every key is still good', async (t) => {
  t.equal(await run.stop(), 0);
  run = LocalRun.start(place);
  await run.ready();
  t.notMatch(run.said, operatorKey);
  t.match(run.said, `in ${keyFile}`);
  t.match(await good(operator.mds('whoami')), 'of tenant default');
  t.match(await good(lead.mds('topics')), 'orders');
  t.equal((await publish(publisher, 'after', 'sre')).status, 200);
  t.equal(await run.stop(), 0);
});

t.test('a key that others can read, or an open address without authentication, stops the start', async (t) => {
  chmodSync(keyFile, 0o644);
  const unsafe = LocalRun.start(place);
  t.equal(await unsafe.ended(), 1);
  t.match(unsafe.said, /can be read by others; run chmod 600 .*\nNothing was started/);
  chmodSync(keyFile, 0o600);
  const open = LocalRun.start(place, { MDS_AUTH: 'off', MDS_HOST: '0.0.0.0' });
  t.equal(await open.ended(), 1);
  t.match(open.said, /MDS_HOST is "0\.0\.0\.0"; it must be a loopback address/);
});

t.test('make clean removes the key with everything else', async (t) => {
  t.equal(await cleanLocalHome(place), 0);
  t.equal(existsSync(place.home), false);
});
