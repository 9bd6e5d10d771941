// Syslog over TCP and TLS on the real stack: both framings, the allow-list, a door that is killed and one that is drained.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { freePort } from '../harness/free-port.ts';
import { until } from '../harness/until.ts';
import { IngestStage } from './ingest-harness.ts';

t.setTimeout(120_000);
const ARRIVED_TIMEOUT_MS = 20_000;

const message = (n: number): string =>
  `<165>1 2026-01-31T12:00:00.${String(n).padStart(6, '0')}Z web-1 app 42 ID47 [ex@1 n="${n}" q="a\\"b"] \ufeffmessage ${n}`;
const counted = (text: string): string => `${Buffer.byteLength(text)} ${text}`;
const opened = (socket: Socket, event: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    socket.once(event, () => resolve(socket));
    socket.once('error', reject);
  });

t.test('syslog', async (t) => {
  const port = await freePort();
  const stage = await IngestStage.start(t, (topic) => ({
    MDS_INGEST_SYSLOG_PORT: String(port),
    MDS_INGEST_SYSLOG_TOPIC: topic,
  }));
  const topic = await stage.topic('first');

  await t.test('both framings, in one connection, cut anywhere', async (t) => {
    const socket = await opened(connectTcp(port, '127.0.0.1'), 'connect');
    const bytes = Buffer.from(`${counted(message(1))}${message(2)}\n${counted(message(3))}<13>plain old text\n`);
    for (let at = 0; at < bytes.length; at += 37) {
      await new Promise<void>((resolve) => void socket.write(bytes.subarray(at, at + 37), () => resolve()));
    }
    socket.end();
    await until('the messages', ARRIVED_TIMEOUT_MS, async () => (await stage.stored(topic)).length === 4);
    const events = (await stage.stored(topic)).map(({ event }) => event);
    t.match(
      events.find(({ message: text }) => text === 'message 2'),
      {
        ...{ service: 'app', host: 'web-1', kind: 'LOG', name: 'ID47', severity: 'NOTICE', id: /^syslog-/ },
        ...{
          timestamp: 1_769_860_800_000_002,
          labels: { facility: '20', procId: '42', 'ex@1.n': '2', 'ex@1.q': 'a"b' },
        },
      },
    );
    t.match(
      events.find(({ host }) => host === '127.0.0.1'),
      {
        message: '<13>plain old text',
        severity: 'NOTICE',
        labels: { format: 'other' },
      },
    );
  });

  await t.test('TCP holds a sender back while Kafka takes nothing more, and nothing is lost', async (t) => {
    const total = 5000;
    const socket = await opened(connectTcp(port, '127.0.0.1'), 'connect');
    for (let n = 100; n < 100 + total; n++) {
      if (!socket.write(counted(message(n)))) await opened(socket, 'drain');
    }
    socket.end();
    await until('all of them', ARRIVED_TIMEOUT_MS, async () => (await stage.stored(topic)).length === 4 + total);
    const numbers = (await stage.stored(topic)).flatMap(({ event }) => {
      const n = Number(event.labels['ex@1.n'] ?? 0);
      return n >= 100 ? [n] : [];
    });
    t.same(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'in order',
    );
  });

  await t.test('a stream that is none is closed', async () => {
    const socket = await opened(connectTcp(port, '127.0.0.1'), 'connect');
    socket.write('GET / HTTP/1.1\r\n\r\n');
    socket.resume();
    await opened(socket, 'close');
  });
});

t.test('syslog over TLS, and from addresses that may not', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mds-syslog-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  );
  const [port, closedPort] = [await freePort(), await freePort()];
  const stage = await IngestStage.start(t, (topic) => ({
    MDS_INGEST_SYSLOG_PORT: String(port),
    MDS_INGEST_SYSLOG_TOPIC: `default/${topic}`,
    MDS_INGEST_SYSLOG_TLS_CERT: cert,
    MDS_INGEST_SYSLOG_TLS_KEY: key,
  }));
  const topic = await stage.topic('first');
  const socket = await opened(
    connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: readFileSync(cert) }),
    'secureConnect',
  );
  socket.end(counted(message(1)));
  await until('the message', ARRIVED_TIMEOUT_MS, async () => (await stage.stored(topic)).length === 1);

  const closed = await stage.service.addIngest({
    MDS_INGEST_SYSLOG_PORT: String(closedPort),
    MDS_INGEST_SYSLOG_TOPIC: topic.name,
    MDS_INGEST_SYSLOG_ALLOW: '192.0.2.0/24',
  });
  await closed.start();
  const refused = await opened(connectTcp(closedPort, '127.0.0.1'), 'connect');
  refused.on('error', () => undefined);
  await opened(refused.resume(), 'close');
  t.equal(await closed.metric('mds_ingest_syslog_refused_total'), 1);
});
