// Thousands of channels, each for one text, prefix or label of its own: whatever the index does with texts (hashes,
// tables that grow and shrink), each event reaches the channels that name it and no other.

import t from 'tap';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { beforeRecord } from '../../../../schemas/cursor.ts';
import { channelIdOf, makePlan } from '../../../../schemas/plan/plan.ts';
import { KernelDriver, LaneBooks } from './kernel-driver.ts';
import { seededTape } from './tape.ts';
import { type Reading, TRAFFIC_BATCH, trafficBatchType, trafficType } from './traffic.ts';
import { avroBytes } from './wire-writer.ts';

const TEXTS = 4000;
const [BATCH_ID, TOPIC] = [12, 7];

const reading = (changes: Partial<Reading>): Reading => ({
  ...{ host: '', kind: 'LOG', code: 0, total: 0, value: null, isTest: false, at: 0, labels: {} },
  ...changes,
});

t.test('each of thousands of texts finds its own channel, also while half of the channels leave', async (t) => {
  const seed = Number(process.env.MDS_PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const { choose } = seededTape(seed);
  const letters = ['a', 'b', 'ab', 'é', '0', '1', '-', '\u{1f600}', '"', 'host-'];
  const text = (): string => Array.from({ length: 1 + choose(9) }, () => letters[choose(letters.length)]).join('');
  const texts = [...new Set(Array.from({ length: TEXTS }, text))];
  const driver = new KernelDriver(1 << 22);
  driver.schema(BATCH_ID, TRAFFIC_BATCH);
  driver.open(0, beforeRecord(0), TOPIC);
  const kinds = [
    { filterOf: (one: string) => `host == ${JSON.stringify(one)}`, event: (host: string) => reading({ host }) },
    {
      filterOf: (one: string) => `labels["rack"] == ${JSON.stringify(one)}`,
      event: (rack: string) => reading({ labels: { region: 'x', rack } }),
    },
    {
      filterOf: (one: string) => `host.startsWith(${JSON.stringify(`${one}|`)})`,
      event: (one: string) => reading({ host: `${one}|more` }),
    },
  ];
  const channelOf = (filter: string): { id: string; plan: ReturnType<typeof makePlan> } => {
    const plan = makePlan({ filter, fields: ['code'] }, trafficType);
    return { plan, id: channelIdOf(TOPIC, plan) };
  };
  const channels = kinds.map(({ filterOf }) => texts.map((one) => channelOf(filterOf(one))));
  for (const { id, plan } of channels.flat()) driver.add('a', id, plan, 1, TOPIC);
  const isGone = texts.map(() => choose(2) === 0);
  let offset = 0;
  for (const phase of ['all', 'half', 'all again'] as const) {
    for (const [i, gone] of isGone.entries()) {
      if (!gone || phase === 'all') continue;
      for (const ofKind of channels) {
        const channel = ofKind[i];
        if (!channel) continue;
        if (phase === 'half')
          driver.kernel.applyDelta({ kind: 'remove', lane: 'a', channel: channel.id, generation: 1 });
        else driver.add('a', channel.id, channel.plan, 2, TOPIC);
      }
    }
    for (const [k, { event }] of kinds.entries()) {
      const books = new LaneBooks();
      const readings = texts.map(event);
      const value = encodeConfluent(BATCH_ID, avroBytes(trafficBatchType, { readings }));
      books.read(driver.run([{ offset, value }]).envelopes);
      const expected = texts.map((_, i) => (phase === 'half' && isGone[i] ? [] : [`${offset}/${i} {"code":0}`]));
      const told = books.texts();
      const got = texts.map((_, i) => told.get(`a/100/${channels[k]?.[i]?.id}`) ?? []);
      const wrong = got.findIndex((one, i) => one.join() !== expected[i]?.join());
      if (wrong >= 0) t.fail(`seed ${seed}, ${phase}: ${kinds[k]?.filterOf(texts[wrong] ?? '')} got ${got[wrong]}`);
      t.equal(books.deliveries.size, expected.filter((one) => one.length > 0).length, `${phase}, kind ${k}`);
      offset++;
    }
  }
});
