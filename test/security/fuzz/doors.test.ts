// S1: random and damaged input at each door of a service that runs, over real sockets. Nothing crashes, every input has a
// clear answer, memory stays, and whoever comes behind it is served. The readers themselves are fuzzed for longer in
// test/fuzz; here it is seen that nothing stands between a door and its reader.

import { connect } from 'node:net';
import avro from 'avsc';
import t, { type Test } from 'tap';
import { Check } from 'typebox/value';
import { Problem } from '../../../schemas/api/problem.ts';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement } from '../../integration/harness/measurement.ts';
import type { TestProcess } from '../../integration/harness/processes.ts';
import { framed, TestProducer } from '../../integration/harness/producer.ts';
import { startService } from '../../integration/harness/service.ts';
import { until } from '../../integration/harness/until.ts';
import { WireSubscriber } from '../../integration/harness/wire-subscriber.ts';
import type { Choose } from '../../schemas/plan/pools.ts';
import { seededTape } from '../../workers/stream/kernel/tape.ts';
import { residentBytes } from '../harness/lone-edge.ts';
import { message } from '../websocket/conformance-case.ts';
import { RawWebSocket, text } from '../websocket/raw-websocket.ts';
import { clientMessage, damagedFrames, damagedRecord, damagedRequest, ingestRequest } from './door-inputs.ts';

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const AT_ONCE = 8;
const MAX_GROWN_BYTES = 256 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

t.setTimeout(120_000);
t.comment(`the same again: SEED=${SEED}`);
const freely = { MDS_EDGE_MESSAGES_PER_SECOND: '100000', MDS_EDGE_MESSAGE_BURST: '100000' };
const service = await startService(t, { env: freely });
const ingest = await service.addIngest();
const query = await service.addQuery();
await Promise.all([ingest.start(), query.start()]);
const topic = await service.createTopic({ name: 'fuzzed', partitions: 1, schema: MEASUREMENT_SCHEMA });
const edgePort = Number(new URL(service.edge(0).clientUrl).port);

/** Tries so many inputs, some at once; the process is to outlive them and to keep its memory. */
async function tryMany(t: Test, process: TestProcess, count: number, one: (choose: Choose) => Promise<void>) {
  const before = residentBytes(process);
  let tried = 0;
  const turn = async (): Promise<void> => {
    while (tried < count) await one(seededTape(SEED + tried++).choose);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  t.ok(process.isRunning, `${process.name} runs after ${tried} inputs`);
  const grownBytes = residentBytes(process) - before;
  t.ok(grownBytes < MAX_GROWN_BYTES, `${process.name} grew by ${Math.round(grownBytes / 1024 / 1024)} MiB`);
}

t.test('messages to the edge are answered or refused with a code, one for one', async (t) => {
  const clients: RawWebSocket[] = [];
  await tryMany(t, service.edge(0), 1500, async (choose) => {
    const client = clients.pop() ?? (await RawWebSocket.open({ port: edgePort }));
    const input = clientMessage(choose, topic.name);
    const before = client.seen.length;
    await client.write(text(input), text(message('behind')));
    await client.until(
      () => client.isEnded || client.seen.indexOf('answer:behind', before) >= 0,
      `an answer to ${input}`,
    );
    const answers = client.seen.slice(before);
    if (answers.includes('error:MDS_INTERNAL')) t.fail(`a bug at ${input}`);
    if (client.isEnded && !answers.some((what) => what.startsWith('close:45')))
      t.fail(`no code at ${input}: ${answers}`);
    if (!client.isEnded) clients.push(client);
  });
  for (const client of clients) client.destroy();
});

t.test('damaged frames end their own connection at the most', async (t) => {
  await tryMany(t, service.edge(0), 400, async (choose) => {
    const client = await RawWebSocket.open({ port: edgePort });
    await client.write(damagedFrames(choose), text(message('behind')));
    client.destroy();
  });
  const other = await RawWebSocket.open({ port: edgePort });
  await other.write(text(message('other')));
  await other.until(() => other.seen.includes('answer:other'), 'another client is served');
  other.destroy();
  await until(
    'all connections to be gone',
    TIMEOUT_MS,
    async () => (await service.edge(0).metric('mds_edge_connections')) === 0,
  );
});

t.test('damaged requests are answered, never as a bug, at every HTTP port', async (t) => {
  const targets = [service.controlPlane, ingest, query, service.worker(0), service.edge(0)].map((process) => ({
    process,
    port: Number(new URL(process.httpUrl).port),
  }));
  for (const { process, port } of [...targets, { process: service.edge(0), port: edgePort }]) {
    // 505: what uWebSockets.js says of a line that does not end in HTTP/1.1.
    await tryMany(t, process, 120, async (choose) => {
      const bytes = damagedRequest(choose, '/v1/topics');
      const answer = await rawAnswer(port, bytes);
      if (/^HTTP\/1\.1 5(?!05)/.test(answer))
        t.fail(`${process.name}: ${answer} to ${JSON.stringify(bytes.toString('latin1'))}`);
    });
    t.equal((await fetch(`${process.httpUrl}/readyz`)).status, 200, `${process.name} is ready`);
  }
});

t.test('changed requests to the ingest door have results for each event, or a problem that says why not', async (t) => {
  const statuses = new Map<number, number>();
  await tryMany(t, ingest, 600, async (choose) => {
    const { type, body } = ingestRequest(choose);
    const url = `${ingest.httpUrl}/v1/topics/${topic.name}/events`;
    const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    const told = await answer.json();
    if (answer.ok) {
      const counted = told.accepted + told.duplicates + told.rejected + told.failed;
      if (counted !== told.results.length || told.failed > 0) t.fail(`${JSON.stringify(told)} to ${body}`);
    } else if (answer.status >= 500 || !Check(Problem, told)) {
      t.fail(`${answer.status} ${JSON.stringify(told)} to ${type} ${body}`);
    }
  });
  t.comment(`statuses: ${JSON.stringify([...statuses])}`);
  t.ok((statuses.get(200) ?? 0) > 0 && statuses.size > 1, 'some were taken, some refused');
});

t.test('damaged records in Kafka are kept aside, and the events around them arrive', async (t) => {
  const connection = await WireSubscriber.connect(service.edge(0).clientUrl);
  t.teardown(() => connection.close());
  const subscription = await connection.subscribe({ id: 'all', topic: topic.name, filter: 'unit == "last"' });
  const producer = await TestProducer.connect<Measurement>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  const type = avro.Type.forSchema(MEASUREMENT_SCHEMA as unknown as avro.Schema); // the same JSON
  await tryMany(t, service.worker(0), 2000, async (choose) => {
    const body = type.toBuffer(aMeasurement(choose(1000)));
    const bytes = framed(topic.schemaId, damagedRecord(choose, body));
    await producer.sendBytes(0, choose(8) === 0 ? damagedRecord(choose, bytes) : bytes);
  });
  await producer.send({ partition: 0, events: [{ ...aMeasurement(1), unit: 'last' } as unknown as Measurement] }); // any string
  await producer.flush();
  await until('the event behind all of them', TIMEOUT_MS, () => subscription.received.length === 1);
  t.ok(service.worker(0).isRunning && service.edge(0).isRunning);
});

/** The first line of the answer; empty when the other side only closed, or waits for the rest. */
async function rawAnswer(port: number, bytes: Uint8Array): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
  socket.on('data', (data) => resolve(data.toString('latin1').split('\r\n')[0] ?? ''));
  socket.on('error', () => resolve(''));
  socket.on('close', () => resolve(''));
  const answer = await promise;
  socket.destroy();
  return answer;
}
