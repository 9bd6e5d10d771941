// An index that files channels by what was rare must file them anew when that becomes common. Traffic that turns round
// completely, long enough for any learning: every event still reaches exactly the channels that want it.

import t from 'tap';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { beforeRecord } from '../../../../schemas/cursor.ts';
import { channelIdOf, makePlan } from '../../../../schemas/plan/plan.ts';
import type { Choose } from '../../../schemas/plan/pools.ts';
import { KernelDriver, LaneBooks } from './kernel-driver.ts';
import { seededTape } from './tape.ts';
import { aReading, type Clause, type Reading, TRAFFIC_BATCH, trafficBatchType, trafficType } from './traffic.ts';
import { avroBytes } from './wire-writer.ts';

const EVENTS_A_RECORD = 500;
/** Each record is sent so many times: 240,000 events in all. */
const ROUNDS = 40;
const PHASES = ['hosts', 'codes', 'hosts'] as const;
const [BATCH_ID, TOPIC, CHANNELS] = [12, 7, 250];

/** In one phase few hosts send many codes, in the other many hosts send few codes. */
function aTurningReading(phase: (typeof PHASES)[number], choose: Choose): Reading {
  const [few, many] = [choose(2), choose(300)];
  const [host, code] = phase === 'hosts' ? [few, many] : [many, few];
  return { ...aReading(0, choose), host: `h${host}`, code, labels: { rack: `r${phase === 'hosts' ? many : few}` } };
}

function aTurningClause(choose: Choose): Clause {
  const [host, code, rack] = [`h${choose(20)}`, choose(20), `r${choose(20)}`];
  const clauses = [
    { text: `host == "${host}"`, test: (one: Reading) => one.host === host },
    { text: `code == ${code}`, test: (one: Reading) => one.code === code },
    { text: `labels.rack == "${rack}"`, test: (one: Reading) => one.labels.rack === rack },
    { text: `code >= ${code} && code < ${code + 2}`, test: (one: Reading) => one.code >= code && one.code < code + 2 },
    { text: `host.startsWith("${host}")`, test: (one: Reading) => one.host.startsWith(host) },
  ];
  const [a, b] = [clauses[choose(clauses.length)], clauses[choose(clauses.length)]];
  if (!a || !b) throw new Error('there are clauses');
  return {
    text: `${a.text} && ${b.text} && total < 900`,
    test: (one) => a.test(one) && b.test(one) && one.total < 900,
  };
}

t.test('traffic that turns round is delivered exactly, however the index follows it', async (t) => {
  const seed = Number(process.env.MDS_PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const { choose } = seededTape(seed);
  const driver = new KernelDriver(1 << 20);
  const books = new LaneBooks();
  driver.schema(BATCH_ID, TRAFFIC_BATCH);
  driver.open(0, beforeRecord(0), TOPIC);
  const channels = new Map<string, Clause>();
  const expected = new Map<string, string[]>();
  const addOne = (): void => {
    const clause = aTurningClause(choose);
    const plan = makePlan({ filter: clause.text, fields: ['code'] }, trafficType);
    const id = channelIdOf(TOPIC, plan);
    if (channels.has(id)) return;
    channels.set(id, clause);
    driver.add('a', id, plan, 1, TOPIC);
  };
  for (let i = 0; i < CHANNELS; i++) addOne();
  let offset = 0;
  for (const phase of PHASES) {
    const records = Array.from({ length: 4 }, () => {
      const readings = Array.from({ length: EVENTS_A_RECORD }, () => aTurningReading(phase, choose));
      return { readings, value: encodeConfluent(BATCH_ID, avroBytes(trafficBatchType, { readings })) };
    });
    const placesOf = new Map<Clause, (readonly (readonly [index: number, code: number])[])[]>();
    const placesFor = (clause: Clause) => {
      const found = records.map(({ readings }) =>
        readings.flatMap((one, index) => (clause.test(one) ? [[index, one.code] as const] : [])),
      );
      placesOf.set(clause, found);
      return found;
    };
    for (let round = 0; round < ROUNDS; round++) {
      if (choose(4) === 0) addOne();
      const given = records.map(({ value }, i) => ({ offset: offset + i, value }));
      for (const [id, clause] of channels) {
        const told = expected.get(id) ?? [];
        (placesOf.get(clause) ?? placesFor(clause)).forEach((places, i) => {
          for (const [index, code] of places) told.push(`${offset + i}/${index} {"code":${code}}`);
        });
        expected.set(id, told);
      }
      offset += records.length;
      books.read(driver.run(given).envelopes);
    }
  }
  t.same(books.faults, []);
  const told = books.texts();
  let matches = 0;
  for (const [id, wanted] of expected) {
    const got = told.get(`a/100/${id}`) ?? [];
    matches += wanted.length;
    if (got.join() === wanted.join()) continue;
    t.fail(`seed ${seed}: ${channels.get(id)?.text} got ${got.length} events and not ${wanted.length}`);
    break;
  }
  t.ok(
    matches > 1000,
    `seed ${seed}: ${offset * EVENTS_A_RECORD} events, ${channels.size} channels, ${matches} matches`,
  );
});
