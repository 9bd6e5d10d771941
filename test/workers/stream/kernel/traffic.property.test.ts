// Long runs: tens of thousands of events through one kernel, whose values shift so that what was a selective predicate
// becomes a common one, while hundreds of channels come and go. An index that files channels anew in between must not
// lose, double or misdeliver a single event.

import t from 'tap';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { beforeRecord } from '../../../../schemas/cursor.ts';
import { channelIdOf, makePlan } from '../../../../schemas/plan/plan.ts';
import { KernelDriver, LaneBooks } from './kernel-driver.ts';
import { seededTape } from './tape.ts';
import {
  aClause,
  aFilter,
  aReading,
  type Clause,
  type Reading,
  TRAFFIC_BATCH,
  TRAFFIC_SCHEMA,
  trafficBatchType,
  trafficType,
} from './traffic.ts';
import { avroBytes } from './wire-writer.ts';

const PHASES = 12;
const SLABS_A_PHASE = 10;
const RECORDS_A_SLAB = 8;
const EVENTS_A_RECORD = 50;
const MAX_CHANNELS = 300;
const [EVENT_ID, BATCH_ID, TOPIC] = [11, 12, 7];
const LANES = ['edge-a', 'edge-b'];

interface Live extends Clause {
  readonly id: string;
  readonly lane: string;
  readonly generation: number;
}

t.test('no event is lost, doubled or misdelivered while values shift and channels come and go', async (t) => {
  const seed = Number(process.env.MDS_PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const { choose } = seededTape(seed);
  const driver = new KernelDriver(1 << 20);
  const books = new LaneBooks();
  driver.schema(EVENT_ID, TRAFFIC_SCHEMA);
  driver.schema(BATCH_ID, TRAFFIC_BATCH);
  driver.open(0, beforeRecord(0), TOPIC);
  const live = new Map<string, Live>();
  const expected = new Map<string, string[]>();
  const shared = Array.from({ length: 40 }, () => aClause(choose));
  let [offset, generation, events, matches, counted] = [0, 0, 0, 0, 0];

  const add = (): void => {
    const clause = (): Clause =>
      choose(3) === 0 ? aClause(choose) : (shared[choose(shared.length)] ?? aClause(choose));
    const filter = aFilter(clause, choose);
    const plan = makePlan({ filter: filter.text, fields: ['code', 'host'] }, trafficType);
    const id = channelIdOf(TOPIC, plan);
    const lane = LANES[choose(LANES.length)] ?? 'edge-a';
    const one = { ...filter, id, lane, generation: ++generation };
    live.set(`${lane}/${id}`, one);
    driver.add(lane, id, plan, one.generation, TOPIC);
  };
  const remove = (): void => {
    const [key, one] = [...live][choose(Math.max(1, live.size))] ?? [];
    if (key === undefined || one === undefined) return;
    driver.kernel.applyDelta({ kind: 'remove', lane: one.lane, channel: one.id, generation: one.generation });
    live.delete(key);
    if (![...live.values()].some(({ lane }) => lane === one.lane)) books.forget(one.lane);
  };
  const expect = (reading: Reading, index: number): void => {
    events++;
    for (const { lane, id, test } of live.values()) {
      if (!test(reading)) continue;
      const key = `${lane}/100/${id}`;
      const told = expected.get(key) ?? [];
      told.push(`${offset}/${index} {"host":"${reading.host}","code":${reading.code}}`);
      expected.set(key, told);
      matches++;
    }
  };
  const aRecord = (phase: number): Uint8Array => {
    const readings = Array.from({ length: choose(6) === 0 ? 1 : choose(EVENTS_A_RECORD * 2) }, () =>
      aReading(phase, choose),
    );
    readings.forEach(expect);
    const isOne = readings.length === 1;
    const body = isOne ? avroBytes(trafficType, readings[0]) : avroBytes(trafficBatchType, { readings });
    return encodeConfluent(isOne ? EVENT_ID : BATCH_ID, body);
  };

  for (let phase = 0; phase < PHASES; phase++) {
    for (let slab = 0; slab < SLABS_A_PHASE; slab++) {
      for (let i = choose(40); i > 0 && live.size < MAX_CHANNELS; i--) add();
      for (let i = choose(live.size > MAX_CHANNELS / 2 ? 60 : 10); i > 0; i--) remove();
      const records = Array.from({ length: 1 + choose(RECORDS_A_SLAB * 2) }, () => {
        const record = { offset, value: aRecord(phase) };
        offset++;
        return record;
      });
      const run = driver.run(records, choose(5) === 0);
      if (run.rejects.length > 0) throw new Error(`seed ${seed}: ${JSON.stringify(run.rejects)}`);
      counted += run.matchCount;
      books.read(run.envelopes);
    }
  }
  t.same(books.faults, []);
  const told = books.texts();
  for (const key of new Set([...told.keys(), ...expected.keys()])) {
    const [got, wanted] = [told.get(key) ?? [], expected.get(key) ?? []];
    const at = wanted.findIndex((text, i) => got[i] !== text);
    if (at >= 0 || got.length !== wanted.length) {
      const filter = [...live.values()].find(({ id }) => key.endsWith(id))?.text ?? 'a filter that left';
      t.fail(
        `seed ${seed}: ${key} (${filter}) got ${got[at] ?? got.at(-1)}, not ${wanted[at]}; ${got.length} of ${wanted.length}`,
      );
      break;
    }
  }
  t.equal(counted, matches, `seed ${seed}: ${events} events, ${generation} channels came, ${matches} matches`);
});
