// The `mds` command as a person or a script uses it: real processes against a stand-in for the service.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { type Finished, runMds, startMds } from '../../client/command/run-mds.ts';
import { startTestService, type TestService } from '../../client/test-service.ts';

let service: TestService;
let env: Record<string, string>;
let dir: string;

t.before(async () => {
  service = await startTestService();
  env = { MDS_API_URL: service.api };
  dir = await mkdtemp(join(tmpdir(), 'mds-command-'));
});
t.teardown(async () => {
  await service.close();
  await rm(dir, { recursive: true, force: true });
});
t.setTimeout(120_000);

const mds = (...args: string[]): Promise<Finished> => runMds(args, env);
const json = ({ stdout }: Finished): unknown => JSON.parse(stdout);
const anEvent = (n: number) => ({
  id: `e${n}`,
  service: 'shop',
  host: 'web-1',
  kind: 'METRIC',
  name: 'cpu.usage',
  severity: 'WARNING',
  value: n,
  timestamp: 1_790_000_000_000_000,
  labels: { core: '1' },
});
const idOf = (line: string): unknown => JSON.parse(line).id;
const offsetIn = (token: string): number | undefined => decodeResumeToken(token).position.get(0)?.offset;

t.test('topics are listed from all pages, shown, created and deleted', async (t) => {
  const schemaFile = join(dir, 'Order.avsc');
  await writeFile(schemaFile, '{"type":"record","name":"Order","fields":[]}');
  const [list, asJson, shown, created, taken, deleted] = await Promise.all([
    mds('topics'),
    mds('topics', '--json'),
    mds('topics', 'show', 'host.metrics'),
    mds(
      'topics',
      'create',
      'orders',
      '--partitions',
      '4',
      '--retention',
      '7d',
      '--cleanup-policy',
      'delete',
      '--schema',
      schemaFile,
    ),
    mds('topics', 'create', 'taken', '--json'),
    mds('topics', 'delete', 'host.metrics', '--yes'),
  ]);
  t.match(list, {
    code: 0,
    stdout: /^TOPIC +PARTITIONS +KEPT +SCHEMA\nhost\.metrics +1 +1d +MonitoringEvent\nshop\.orders/,
  });
  t.match(json(asJson), [{ name: 'host.metrics' }, { name: 'shop.orders' }]);
  t.match(shown.stdout, /severity +DEBUG < INFO < NOTICE < WARNING.*In rising order/s);
  t.match(shown.stdout, /labels\["…"\] +map of string/);
  t.match(created, { code: 0, stdout: 'created orders with 4 partitions\n' });
  const request = service.requests.find(({ body }) => (body as { name?: string })?.name === 'orders');
  t.match(request?.body, {
    partitions: 4,
    retentionMs: 604_800_000,
    cleanupPolicy: 'delete',
    schema: { name: 'Order' },
  });
  t.match(request?.idempotencyKey, /^[0-9a-f]{32}$/, 'creating twice by accident creates once');
  t.equal(taken.code, 1);
  t.match(JSON.parse(taken.stderr), { error: { code: 'MDS_ALREADY_EXISTS', retryable: false } });
  t.match(deleted, { code: 0, stdout: 'deleted host.metrics\n' });
});

t.test('wrong usage is exit code 2 and says what would be right', async (t) => {
  const badSchema = join(dir, 'list.json');
  await writeFile(badSchema, '[]');
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [['topic'], 2, /Did you mean topics/],
    [['topics', 'create', 'x', '--partitions', 'many'], 2, /whole number/],
    [['topics', 'create', 'x', '--retention', 'long'], 2, /90s, 15m/],
    [['topics', 'delete', 'x'], 2, /--yes/],
    [['subscribe', 'x', '--count', '0'], 2, /whole number/],
    [['subscribe', 'x', '--fields', 'a,,b'], 2, /commas/],
    [['topics', 'create', 'x', '--schema', badSchema], 1, /MDS_SCHEMA_INVALID/],
    [['topics', 'create', 'x', '--schema', '/nowhere.avsc'], 1, /ENOENT/],
    [['topics', 'show', 'nothing'], 1, /MDS_NOT_FOUND/],
    [['status', '--api', 'nonsense'], 2, /MDS_CONFIG_INVALID/],
    [['status', '--api', 'http://127.0.0.1:1'], 3, /cannot be reached/],
    [['subscribe', 'host.metrics', '--api', 'http://127.0.0.1:1'], 3, /MDS_DEPENDENCY_UNAVAILABLE/],
  ];
  await Promise.all(
    cases.map(async ([args, code, stderr]) => {
      t.match(await mds(...args), { code, stderr }, args.join(' '));
    }),
  );
});

t.test('a filter is checked, and an error is shown at its place', async (t) => {
  const [valid, invalid, asJson] = await Promise.all([
    mds('check', 'host.metrics', '--filter', 'value > 1.0 && host == "a"', '--fields', 'host'),
    mds('check', 'host.metrics', '--filter', 'value > 1.0 && severty > INFO'),
    mds('check', 'host.metrics', '--filter', 'valu > 1.0', '--json'),
  ]);
  t.match(valid, { code: 0, stdout: /reads +host, value\n +costs +26 units/ });
  t.equal(invalid.code, 1);
  t.match(invalid.stderr, '  value > 1.0 && severty > INFO\n                 ^^^^^^^ severity?');
  t.match(JSON.parse(asJson.stderr), { error: { code: 'MDS_FILTER_UNKNOWN_FIELD', details: { didYouMean: 'value' } } });
});

t.test('a filter is explained: how it is found, what it matches, what it costs', async (t) => {
  const explain = (filter: string, ...more: string[]) => mds('explain', 'host.metrics', '--filter', filter, ...more);
  const [indexed, scanned, unmeasured, invalid, asJson, badCount] = await Promise.all([
    explain('value > 1.0'),
    explain('message == "a"', '--events', '20000'),
    explain('host == "a"'),
    explain('severty > INFO'),
    explain('value > 2.0', '--fields', 'host,value', '--events', '5000', '--json'),
    explain('value > 1.0', '--events', '100001'),
  ]);
  t.equal(indexed.code, 0);
  t.match(indexed.stdout, /means +value > 1\.0\n.*How its events are found\n {2}Found by a range of value\./s);
  t.match(indexed.stdout, 'matches  412 of the last 10,000 events, 4.1 %\n  tested   988 times, 9.9 for 100 events');
  t.match(indexed.stdout, /costs +14 ms of one core for a million events, and 5\.3 ms to write/);
  t.match(indexed.stdout, '2026-01-31 12:00:00 to 2026-01-31 12:00:20 UTC, 20 s');
  t.notMatch(indexed.stdout, /fewer|cannot be read/);
  t.match(scanned.stdout, /Tested on every event.*fewer +than 20,000 events: the topic holds no more.*3 records/s);
  t.match(unmeasured, { code: 0, stdout: /Not measured: No stream worker runs.*\[MDS_EXPLAIN_NO_WORKER\]/s });
  t.match(invalid, { code: 1, stderr: /\^{7} severity\?/ });
  t.match(json(asJson), { canonical: 'value > 2.0', measured: { matchRate: 0.0412 }, reason: null });
  const request = service.requests.find(({ body }) => (body as { events?: number })?.events === 5000);
  t.match(request?.body, { explain: true, fields: ['host', 'value'], filter: 'value > 2.0' });
  t.match(badCount, { code: 2, stderr: /whole number from 1 to 100000/ });
  for (const line of `${indexed.stdout}${scanned.stdout}`.split('\n')) t.ok(line.length <= 100, line);
});

t.test('durable subscriptions are listed, created and deleted', async (t) => {
  const [list, created, deleted] = await Promise.all([
    mds('subscriptions'),
    mds(
      'subscriptions',
      'create',
      'night',
      '--topic',
      'host.metrics',
      '--filter',
      'value > 1.0',
      '--fields',
      'host,value',
    ),
    mds('subscriptions', 'delete', 'sub-1', '--json'),
  ]);
  t.match(list.stdout, /on-call +host\.metrics +severity >= ERROR +all +active +- +sub-1/);
  t.match(created, { code: 0, stdout: 'created night (sub-1)\n' });
  const request = service.requests.find(({ line }) => line === 'POST /v1/subscriptions');
  t.same(request?.body, { name: 'night', topic: 'host.metrics', filter: 'value > 1.0', fields: ['host', 'value'] });
  t.same(json(deleted), { deleted: 'sub-1' });
});

t.test('a durable subscription is created with all that it can be told', async (t) => {
  const created = await mds(
    ...'subscriptions create team --topic host.metrics --start 2026-01-31T12:00:00+01:00 --ack-timeout 2m'.split(' '),
    ...'--backoff 2s --backoff-max 1h --max-attempts 7 --max-in-flight 10 --group-key host,labels.region'.split(' '),
  );
  t.equal(created.code, 0, created.stderr);
  const request = service.requests.find(({ body }) => (body as { name?: string })?.name === 'team');
  t.same(request?.body, {
    name: 'team',
    topic: 'host.metrics',
    start: { time: '2026-01-31T11:00:00.000Z' },
    ackTimeoutMs: 120_000,
    backoffBaseMs: 2000,
    backoffMaxMs: 3_600_000,
    maxAttempts: 7,
    maxInFlight: 10,
    group: { key: ['host', 'labels.region'], shards: 8 },
  });
});

t.test('a durable subscription is shown, changed, paused, resumed and moved', async (t) => {
  const [shown, changed, nothing, paused, resumed, moved, ledger] = await Promise.all([
    mds('subscriptions', 'show', 'on-call'),
    mds('subscriptions', 'change', 'on-call', '--max-attempts', '9'),
    mds('subscriptions', 'change', 'on-call'),
    mds('subscriptions', 'pause', 'on-call'),
    mds('subscriptions', 'resume', 'on-call'),
    mds('subscriptions', 'seek', 'on-call', '--to', 'earliest'),
    mds('subscriptions', 'ledger', 'on-call', '--since', '2026-01-31T12:00:00Z'),
  ]);
  t.match(
    shown.stdout,
    /on-call \(sub-1\): active[\s\S]*c1 +edge-1 +2026-01-31T12:00:00Z +0\n[\s\S]*0 +c1 +3 +42 +AQE/,
  );
  t.equal(changed.code, 0, changed.stderr);
  t.match(nothing, { code: 1, stderr: /at least one option/ });
  t.match(paused, { code: 0, stdout: 'paused on-call\n' });
  t.match(resumed, { code: 0, stdout: 'resumed on-call\n' });
  t.match(moved, { code: 0, stdout: 'on-call goes on from earliest, 42 records behind the end\n' });
  t.match(ledger.stdout, /2026-01-31T12:34Z +9 +8 +7 +6 +5 +4 +3 +2\ntotal +9 +8 +7 +6 +5 +4 +3 +2\n/);
  const sent = (line: string) => service.requests.find((request) => request.line === line);
  t.same(sent('PATCH /v1/subscriptions/on-call')?.body, { maxAttempts: 9 });
  t.same(sent('POST /v1/subscriptions/on-call/seek')?.body, { to: 'earliest' });
  t.ok(sent('GET /v1/subscriptions/on-call/ledger?from=2026-01-31T12%3A00%3A00.000Z'));
});

t.test('dead letters are listed, shown, redriven and purged', async (t) => {
  const [list, shown, one, many, purgedOne, purgedMany] = await Promise.all([
    mds('dlq', 'list', '--topic', 'host.metrics'),
    mds('dlq', 'show', 'dl-1'),
    mds('dlq', 'redrive', 'dl-1'),
    mds('dlq', 'redrive', '--subscription', 'on-call', '--rate', '2.5'),
    mds('dlq', 'purge', 'dl-1', '--json'),
    mds('dlq', 'purge', '--key', 'k', '--yes'),
  ]);
  t.match(list.stdout, /dl-1 .*2026-01-31T12:00:00Z +dead +host\.metrics +2:7:1 +on-call +MDS_EVENT_REFUSED/);
  t.match(shown.stdout, /5 attempts, last at c1[\s\S]*"host": "web-1"/);
  t.match(one, { code: 0, stdout: 'dl-1 is redriving\n' });
  t.match(many, {
    code: 0,
    stdout: 'redrive-1: done, 6 of 7 redriven, 1 could not be\n',
    stderr: /redriving 7 as redrive-1/,
  });
  t.same(json(purgedOne), { purged: 1 });
  t.match(purgedMany, { code: 0, stdout: 'purged 3\n' });
  const sent = (line: string) => service.requests.find((request) => request.line === line)?.body;
  t.same(sent('POST /v1/dead-letters/redrive'), { filter: { subscription: 'on-call' }, ratePerSecond: 2.5 });
  t.same(sent('POST /v1/dead-letters/purge'), { filter: { key: 'k' } });
});

t.test('nothing is redriven or purged by leaving something out', async (t) => {
  const refused = await Promise.all([
    mds('dlq', 'redrive'),
    mds('dlq', 'redrive', '--all', '--topic', 'x'),
    mds('dlq', 'redrive', 'dl-1', '--topic', 'x'),
    mds('dlq', 'purge', '--topic', 'x'),
    mds('dlq', 'purge'),
  ]);
  for (const { code, stderr } of refused) {
    t.equal(code, 1);
    t.match(stderr, 'MDS_REQUEST_INVALID');
  }
  t.match(await mds('dlq', 'list', '--from', 'yesterday'), { code: 2, stderr: /must be a time/ });
});

t.test('the status shows processes, owners, lag and what is wrong', async (t) => {
  const [shown, asJson] = await Promise.all([mds('status'), mds('status', '--json')]);
  t.match(shown.stdout, /20,000 events\/s in, 5\.3 deliveries\/s out, latency p50 3\.2 ms p99 -/);
  t.match(shown.stdout, '! 1 partitions have no owner.');
  t.match(shown.stdout, /worker-1 +running +1 +20,000 +0 +25 %/);
  t.match(shown.stdout, /host\.metrics +1 +nobody +0 +- +-/);
  t.match(json(asJson), { totals: { lagRecords: 4 } });
});

t.test('a subscription writes events as JSON lines, and Ctrl-C ends it with the resume token', async (t) => {
  const running = startMds(['subscribe', 'host.metrics', '--filter', 'value > 0.0'], env);
  await untilSubscribed('value > 0.0');
  service.publish(anEvent(1));
  service.publish(anEvent(2));
  await running.says('e2');
  running.child.kill('SIGINT');
  const { code, stdout, stderr } = await running.finished;
  t.equal(code, 0);
  t.same(stdout.trim().split('\n').map(idOf), ['e1', 'e2']);
  const token = /^resume token: (\S+)$/m.exec(stderr)?.[1] ?? '';
  service.publish(anEvent(3));
  service.publish(anEvent(4));
  const resumed = await mds('subscribe', 'host.metrics', '--resume', token, '--count', '1', '--with-cursor', '--json');
  t.match(json(resumed), {
    data: { id: 'e3' },
    cursor: { partition: 0, offset: (offsetIn(token) ?? 0) + 1, index: 0 },
  });
  t.equal(offsetIn(JSON.parse(resumed.stderr).resume), (offsetIn(token) ?? 0) + 1);
});

t.test('a token file carries a subscription from one run to the next, through a lost connection', async (t) => {
  const file = join(dir, 'position.token');
  const first = startMds(
    ['subscribe', 'host.metrics', '--from-token-file', file, '--filter', 'value > 5.0', '--count', '2'],
    env,
  );
  await untilSubscribed('value > 5.0');
  service.publish(anEvent(5));
  await first.says('e5');
  service.dropConnections();
  service.publish(anEvent(6));
  const finished = await first.finished;
  t.same(finished.stdout.trim().split('\n').map(idOf), ['e5', 'e6']);
  t.match(finished.stderr, /connection to the edge was lost.*Trying again/);
  service.publish(anEvent(7));
  const second = await mds('subscribe', 'host.metrics', '--from-token-file', file, '--count', '1');
  t.equal(idOf(second.stdout), 'e7');
  t.ok(offsetIn((await readFile(file, 'utf8')).trim()));
  t.notMatch(second.stderr, 'resume token', 'it is in the file');
});

t.test('a table has the columns that fit, and a gap is told', async (t) => {
  const running = startMds(
    ['subscribe', 'host.metrics', '--format', 'table', '--filter', 'value > 7.0', '--count', '1'],
    env,
  );
  await untilSubscribed('value > 7.0');
  service.sendToAll((id) => ({
    type: 'gap',
    id,
    partition: 0,
    from: [1_000_000, 0],
    to: [1_000_000, 1],
    code: 'MDS_REPLAY_EXPIRED',
    message: 'It is gone.',
  }));
  await running.says('It is gone.');
  running.child.kill('SIGTERM');
  const { stdout, stderr } = await running.finished;
  t.match(stdout, /^TIMESTAMP +SERVICE +HOST +KIND +NAME +SEVERITY/);
  t.ok(stdout.split('\n').every((line) => line.length <= 100));
  t.match(stderr, 'partition 0 lacks (1000000:0, 1000000:1]: It is gone. [MDS_REPLAY_EXPIRED]');
});

t.test('what the edge refuses is an error with exit code 1', async (t) => {
  const [topic, filter, token] = await Promise.all([
    mds('subscribe', 'nothing', '--edge', service.edgeUrl),
    mds('subscribe', 'host.metrics', '--filter', 'hots == "a"'),
    mds('subscribe', 'host.metrics', '--resume', 'nonsense'),
  ]);
  t.match(topic, { code: 1, stderr: /no topic nothing/ });
  t.match(filter, { code: 1, stderr: /hots == "a"\n {2}\^\^\^\^ host\?/ });
  t.match(token, { code: 1, stderr: /MDS_TOKEN_CORRUPT/ });
});

t.test('a reader that goes away ends a subscription quietly', async (t) => {
  const running = startMds(['subscribe', 'host.metrics', '--filter', 'value > 9.0'], env);
  await untilSubscribed('value > 9.0');
  running.child.stdout.destroy();
  const publishing = setInterval(() => service.publish(anEvent(10)), 20);
  t.teardown(() => clearInterval(publishing));
  const { code, stderr } = await running.finished;
  t.equal(code, 0);
  t.notMatch(stderr, 'EPIPE');
});

t.test('publishing checks every line against the schema and names line and place', async (t) => {
  const good = JSON.stringify(anEvent(1));
  const input = [good, '', '{"id":1}', 'not JSON', JSON.stringify({ ...anEvent(2), severity: 'WARN' }), good].join(
    '\n',
  );
  const [dry, filled, stopped, badKey, noKafka] = await Promise.all([
    runMds(['publish', 'host.metrics', '--dry-run', '--key', 'host'], env, input),
    runMds(
      ['publish', 'host.metrics', '--dry-run', '--fill', '--json'],
      env,
      '{"service":"s","host":"h","kind":"LOG","name":"n"}',
    ),
    runMds(['publish', 'host.metrics', '--dry-run'], env, good.repeat(2)),
    runMds(['publish', 'host.metrics', '--dry-run', '--key', 'hots'], env, good),
    runMds(['publish', 'host.metrics', '--brokers', '127.0.0.1:1'], env, good),
  ]);
  t.equal(dry.code, 1);
  t.match(dry.stderr, /line 3 .*\$\.id/);
  t.match(dry.stderr, /line 4 .*not JSON/);
  t.match(dry.stderr, /line 5 .*\$\.severity: "WARN" is none of/);
  t.match(dry.stdout, '2 events are valid, 3 lines not valid; nothing was published');
  t.match(json(filled), { events: 1, invalidLines: 0, dryRun: true });
  t.match(stopped, { code: 1, stderr: /line 1/ });
  t.match(badKey, { code: 1, stderr: /--key hots is no field/ });
  t.match(noKafka, { code: 3, stderr: /Kafka/ });
});

async function untilSubscribed(filter: string): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  while (!service.subscribes.some((message) => message.filter === filter)) {
    if (Date.now() > deadlineMs) throw new Error(`nobody subscribed with ${filter}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
