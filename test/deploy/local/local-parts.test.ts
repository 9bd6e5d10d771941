// The pure parts of the local stack: pid files, versions of programs, Kafka's metadata answer, lock files, checksums.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { endProcess, lastLines, sendSignal, startChild } from '../../../deploy/local/child.ts';
import { cleanHome } from '../../../deploy/local/clean.ts';
import { reasonOf } from '../../../deploy/local/failure.ts';
import { LogTail } from '../../../deploy/local/log-tail.ts';
import { placesOf, ROOT } from '../../../deploy/local/places.ts';
import { isAlive, type ProcessRecord, readProcessRecords, startTicksOf } from '../../../deploy/local/process-file.ts';
import { majorVersion, missingProgramMessage } from '../../../deploy/local/programs.ts';
import { brokerCountIn, metadataRequest } from '../../../deploy/local/services/kafka-probe.ts';
import { canPass, removeAbandonedData, userFrom } from '../../../deploy/local/services/postgres-user.ts';
import { checkFiles, sumsOf } from '../../../deploy/local/setup/java-parts.ts';
import { isUpToDate, keepBuild, type LockedPackages, restoreBuild } from '../../../deploy/local/setup/npm-packages.ts';
import { fetchTotals, formatTotals, redrawn, totalsFrom } from '../../../deploy/local/status-line.ts';
import { statusText, stopAll } from '../../../deploy/local/stop-all.ts';
import { waitUntil } from '../../../deploy/local/wait-until.ts';

const sleeper = (places: ReturnType<typeof placesOf>, script = 'setInterval(() => undefined, 1000)') => ({
  name: 'sleeper',
  file: process.execPath,
  args: ['-e', script],
  cwd: ROOT,
  env: {},
  stopSignal: 'SIGTERM' as const,
  listens: ['127.0.0.1:1'],
  logFile: join(places.logs, 'sleeper.log'),
  runDirectory: places.run,
  diesWithParent: true,
});

t.test('the start time of a process is field 22, whatever its name holds; a zombie has none', async (t) => {
  const rest = '1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 424242 1 1';
  t.equal(startTicksOf(`12 (a ) (b) S ${rest}`), 424_242);
  t.equal(startTicksOf(`12 (a) Z ${rest}`), undefined);
  t.equal(startTicksOf('nonsense'), undefined);
});

t.test('a started process is recorded, ended by its record, and forgotten', async (t) => {
  const places = placesOf(t.testdir());
  const child = await startChild(sleeper(places));
  t.ok(isAlive(child.record));
  t.match(statusText(places), /1 process runs/);
  t.match(statusText(places), /^sleeper +pid/m);
  t.equal(await endProcess(child.record, 5_000), 'stopped');
  t.equal(await endProcess(child.record, 5_000), 'gone');
  t.same(readProcessRecords(places.run), []);
  t.match(statusText(places), 'Nothing runs');
});

t.test('a process that ignores SIGTERM is killed', async (t) => {
  const places = placesOf(t.testdir());
  const child = await startChild(
    sleeper(places, "process.on('SIGTERM', () => undefined); console.log('up'); setInterval(() => undefined, 1000)"),
  );
  await waitUntil('its first line', 5_000, async () => {
    if (!lastLines(join(places.logs, 'sleeper.log')).includes('up')) throw new Error('no line yet');
  });
  t.equal(await endProcess(child.record, 100), 'killed');
});

t.test('a pid that now belongs to another process is never signalled', async (t) => {
  const places = placesOf(t.testdir());
  const other = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
  t.teardown(() => other.kill('SIGKILL'));
  const stale: ProcessRecord = {
    name: 'edge',
    pid: other.pid ?? 0,
    startTicks: 1,
    bootId: 'another boot',
    stopSignal: 'SIGTERM',
    startedAt: '',
    listens: [],
  };
  mkdirSync(places.run, { recursive: true });
  writeFileSync(join(places.run, 'edge.json'), JSON.stringify(stale));
  writeFileSync(join(places.run, 'torn.json'), '{"name":');
  t.equal(sendSignal(stale, 'SIGKILL'), false);
  t.equal(await stopAll(places, () => undefined), 0);
  t.equal(other.exitCode, null);
});

t.test('stopping and cleaning ends what was started and removes only what is ours', async (t) => {
  const places = placesOf(join(t.testdir(), 'home'));
  const child = await startChild(sleeper(places));
  const said: string[] = [];
  writeFileSync(join(places.home, 'thesis.txt'), '');
  await t.rejects(
    cleanHome(places, () => undefined),
    /thesis.txt, which this project did not put there/,
  );
  t.ok(isAlive(child.record));
  await import('node:fs').then(({ rmSync }) => rmSync(join(places.home, 'thesis.txt')));
  await cleanHome(places, (line) => said.push(line));
  t.notOk(isAlive(child.record));
  t.match(said[0], /^sleeper stopped in/);
  await cleanHome(places, () => undefined);
});

t.test('a program that cannot be started is a sentence', async (t) => {
  const places = placesOf(t.testdir());
  const spec = { ...sleeper(places), file: '/nowhere/at/all', diesWithParent: false };
  await t.rejects(startChild(spec), /sleeper cannot be started: .*ENOENT/);
});

t.test('waiting gives the last reason at its deadline, and stops early when there is no hope', async (t) => {
  const failing = () => Promise.reject(new Error('refused'));
  await t.rejects(waitUntil('Redis', 60, failing), /Redis: not ready after 0 s \(refused\)/);
  await t.rejects(
    waitUntil('Redis', 60_000, failing, () => 'it died'),
    /Redis: it died/,
  );
});

t.test('versions are found in what programs say about themselves', async (t) => {
  t.equal(majorVersion('Redis server v=7.0.15 sha=0'), 7);
  t.equal(majorVersion('postgres (PostgreSQL) 15.9 (Debian)'), 15);
  t.equal(majorVersion('openjdk version "17.0.15" 2025-04-15'), 17);
  t.equal(majorVersion('12\n'), 12);
  t.equal(majorVersion('no number'), undefined);
  t.match(missingProgramMessage('redis-server'), /redis-server is not installed: .*apt-get install redis-server/);
  t.match(missingProgramMessage('java', '/usr/bin/java is version 11'), /version 11, which is too old/);
});

t.test('a metadata answer counts live brokers, in whatever pieces it comes', async (t) => {
  const answer = Buffer.alloc(20);
  answer.writeInt32BE(16, 0);
  answer.writeInt32BE(7, 4);
  answer.writeInt32BE(1, 12);
  t.equal(brokerCountIn(answer), 1);
  t.equal(brokerCountIn(answer.subarray(0, 3)), undefined);
  t.equal(brokerCountIn(answer.subarray(0, 10)), undefined);
  t.throws(() => brokerCountIn(Buffer.from('HTTP/1.1 400 Bad Request')), /does not speak Kafka/);
  answer.writeInt32BE(8, 4);
  t.throws(() => brokerCountIn(answer), /does not speak Kafka/);
  t.equal(metadataRequest().readInt32BE(0), metadataRequest().length - 4);
});

t.test('node_modules is up to date when it is what the lock file says, other platforms aside', async (t) => {
  const locked: LockedPackages = {
    '': {},
    'node_modules/a': { version: '1.0.0', integrity: 'x' },
    'node_modules/b': { version: '1.0.0', optional: true },
  };
  t.equal(isUpToDate(locked, { 'node_modules/a': { version: '1.0.0', integrity: 'x' } }), true);
  t.equal(isUpToDate(locked, { 'node_modules/a': { version: '1.0.1', integrity: 'y' } }), false);
  t.equal(isUpToDate(locked, { 'node_modules/b': { version: '1.0.0' } }), false);
  t.equal(isUpToDate({ '': {} }, { 'node_modules/a': { version: '1.0.0' } }), false);
});

t.test('a compiled module is put back after npm ci removed it', async (t) => {
  const root = t.testdir({
    compiled: {
      build: { Release: { 'node-librdkafka.node': 'module', 'x.o': '' }, deps: { 'librdkafka.so.1': 'library' } },
    },
    reinstalled: { 'package.json': '{}' },
  });
  const kept = join(root, 'toolchain/kept');
  t.equal(await restoreBuild(join(root, 'reinstalled'), kept), false);
  await keepBuild(join(root, 'compiled'), kept);
  await keepBuild(join(root, 'compiled'), kept);
  t.equal(await restoreBuild(join(root, 'reinstalled'), kept), true);
  const read = (path: string) => readFileSync(join(root, 'reinstalled', path), 'utf8');
  t.equal(read('build/Release/node-librdkafka.node'), 'module');
  t.equal(read('build/deps/librdkafka.so.1'), 'library');
  t.equal(read('package.json'), '{}');
});

t.test(
  'package-lock.json has an entry for every optional package, or npm ci refuses it in a fresh clone',
  async (t) => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const missing = Object.entries(packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) =>
          packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined,
      ),
    );
    t.same(missing, []);
  },
);

t.test('a download that is not what the checksums say is named file by file', async (t) => {
  const directory = t.testdir({ 'a.jar': 'a', 'b.jar': 'changed', 'extra.jar': '' });
  const sum = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'; // of "a"
  const sums = sumsOf(
    'kafka',
    `${sum}  kafka/a.jar\n${sum}  kafka/b.jar\n${sum}  kafka/c.jar\n${sum}  registry/d.jar\n`,
  );
  const problems = (await checkFiles(directory, sums)).join('\n');
  t.match(problems, 'extra.jar: not listed');
  t.match(problems, 'b.jar: sha256 is');
  t.match(problems, 'c.jar: missing');
  t.notMatch(problems, 'a.jar: sha');
  t.notMatch(problems, 'd.jar');
});

t.test('the user PostgreSQL runs as must be able to reach its data', async (t) => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n';
  t.same(userFrom(passwd, ['postgres', 'nobody']), { uid: 65_534, gid: 65_533 });
  t.equal(userFrom(passwd, ['postgres']), undefined);
  const closed = t.testdir({ inner: {} });
  await import('node:fs').then(({ chmodSync }) => chmodSync(closed, 0o700));
  t.equal(canPass(join(closed, 'inner'), { uid: 65_534, gid: 65_533 }), false);
});

t.test('data of a deleted MDS_HOME is removed, data in use is kept', async (t) => {
  const root = t.testdir({
    gone: { link: '/nowhere/data/postgres', postgres: {} },
    used: { postgres: {} },
    starting: {},
    home: {},
  });
  const { existsSync, rmSync, symlinkSync } = await import('node:fs');
  rmSync(join(root, 'home'), { recursive: true });
  writeFileSync(join(root, 'used/link'), join(root, 'used/the-link'));
  symlinkSync(join(root, 'used/postgres'), join(root, 'used/the-link'));
  removeAbandonedData(root);
  t.notOk(existsSync(join(root, 'gone')));
  t.ok(existsSync(join(root, 'used/postgres')));
  t.ok(existsSync(join(root, 'starting')));
});

t.test('a log is followed in whole lines, from near its end, also after it was emptied', async (t) => {
  const file = join(t.testdir({ 'edge.log': `${'x'.repeat(5_000)}\nlast\nhal` }), 'edge.log');
  const tail = new LogTail(file, 'edge │ ');
  t.same(await tail.read(), ['edge │ last']);
  writeFileSync(file, 'f\n', { flag: 'a' });
  t.same(await tail.read(), ['edge │ half']);
  writeFileSync(file, 'new\n');
  t.same(await tail.read(), ['edge │ new']);
});

t.test('the live line shows rates, P99 and clients, and fits the terminal', async (t) => {
  const totals = { eventsInPerSecond: 1234.4, deliveriesPerSecond: 5678, latencyP99Ms: 12.34, connections: 3 };
  const line = 'events/s in 1,234 · deliveries/s out 5,678 · P99 12.3 ms · clients 3';
  t.equal(formatTotals(totalsFrom({ totals })), line);
  t.match(formatTotals(totalsFrom({ totals: { ...totals, latencyP99Ms: null } })), 'P99 –');
  t.throws(() => totalsFrom({}), /no totals/);
  t.throws(() => totalsFrom({ totals: { ...totals, connections: 'x' } }), /connections/);
  t.equal(redrawn(line, 0), `\r\u001b[2K${line}`);
  t.equal(redrawn(line, 20), '\r\u001b[2Kevents/s in 1,234 …');
});

t.test('the live line is asked for with the key, where there is one', async (t) => {
  const totals = { eventsInPerSecond: 1, deliveriesPerSecond: 2, latencyP99Ms: null, connections: 3 };
  const shown: (string | undefined)[] = [];
  const server = createServer(({ headers }, response) => {
    shown.push(headers.authorization);
    response.writeHead(headers.authorization === 'Bearer bad' ? 401 : 200).end(JSON.stringify({ totals }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server
  t.same(await fetchTotals(url, 'mds_1_secret'), totals);
  t.same(await fetchTotals(url, null), totals);
  t.same(shown, ['Bearer mds_1_secret', undefined]);
  await t.rejects(fetchTotals(url, 'bad'), /answered by 401/);
});

t.test('a reason names its cause', async (t) => {
  t.equal(reasonOf(new Error('fetch failed', { cause: new Error('refused') })), 'fetch failed: refused');
  t.equal(reasonOf(new AggregateError([new Error('a'), 'b'], '')), 'a; b');
});
