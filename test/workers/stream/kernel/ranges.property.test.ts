// Parts of what Kafka holds: replays that begin and end inside batch records, and records whose output is beyond the limit.
// Whatever the cut, an event is delivered whole or not at all.

import t from 'tap';
import { afterRecord, beforeRecord, type Cursor, compareCursors } from '../../../../schemas/cursor.ts';
import type { Choose } from '../../../schemas/plan/pools.ts';
import { channelId, KernelDriver, LaneBooks, type TestRecord } from './kernel-driver.ts';
import { seededTape } from './tape.ts';
import { encodeBatch, encodeEvent, textOf, tickPlan } from './ticks.ts';

const ROUNDS = 300;
const FIRST_SEED = Number(process.env.MDS_PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Plans with what they mean. */
const PLANS = [
  { plan: tickPlan(), matches: () => true, text: (n: number, text: string) => textOf(n, text) },
  {
    plan: tickPlan({ filter: 'n in [1, 2, 3, 5, 8]' }),
    matches: (n: number) => [1, 2, 3, 5, 8].includes(n),
    text: textOf,
  },
  {
    plan: tickPlan({ filter: 'n >= 10', fields: ['n'] }),
    matches: (n: number) => n >= 10,
    text: (n: number) => `{"n":${n}}`,
  },
];

interface Written {
  readonly offset: number;
  readonly ns: readonly number[];
  readonly text: string;
}

const recordOf = ({ offset, ns, text }: Written, slot = 0): TestRecord => ({
  slot,
  offset,
  value: ns.length === 1 ? encodeEvent(ns[0] ?? 0, text) : encodeBatch(ns, text),
});

function aLog(choose: Choose): readonly Written[] {
  let offset = 0;
  return Array.from({ length: 1 + choose(8) }, () => {
    offset += 1 + (choose(6) === 0 ? choose(3) : 0);
    return { offset, ns: Array.from({ length: choose(7) }, () => choose(16)), text: 'x'.repeat(choose(60)) };
  });
}

for (const [what, round] of [
  ['a replay gives exactly the events of its range, however it is cut', replayRound],
  ['a record whose output is beyond the limit is dropped as a whole, and no other is', limitRound],
] as const) {
  t.test(what, async (t) => {
    let events = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
      try {
        events += round(seededTape(seed).choose);
      } catch (error) {
        throw new Error(`MDS_PROPERTY_SEED=${seed}: ${error instanceof Error ? error.message : error}`, {
          cause: error,
        });
      }
    }
    t.pass(`seed ${FIRST_SEED}: ${ROUNDS} logs, ${events} events delivered`);
  });
}

function replayRound(choose: Choose): number {
  const log = aLog(choose);
  const driver = new KernelDriver(choose(2) === 0 ? 200 : 100_000, { envelopeBytes: 300, recordOutputBytes: 1 << 20 });
  const last = log.at(-1)?.offset ?? 0;
  const aCursor = (): Cursor => {
    const offset = choose(last + 2);
    return choose(3) === 0 ? afterRecord(offset) : { offset, index: choose(6) };
  };
  const [a, b] = [aCursor(), aCursor()];
  const [from, until] = compareCursors(a, b) <= 0 ? [a, b] : [b, a];
  for (const [i, { plan }] of PLANS.entries()) driver.add('edge', channelId(i), plan);
  const replay = { requestId: 5, topicId: 7, until };
  driver.kernel.applyDelta({ kind: 'open', slot: 0, topicId: 7, partition: 100, epoch: 0, from, replay });
  const books = new LaneBooks();
  let rest = log;
  while (rest.length > 0) {
    const count = 1 + choose(rest.length);
    books.read(
      driver.run(
        rest.slice(0, count).map((one) => recordOf(one)),
        choose(2) === 0,
      ).envelopes,
    );
    rest = rest.slice(count);
  }
  const { envelopes } = driver.run([], true);
  books.read(envelopes);
  if (books.faults.length > 0) throw new Error(books.faults.join());
  if (books.joined.size > 0) throw new Error('a replay tells of no joins');
  const told = books.last.get('edge/100');
  const reached = compareCursors(until, afterRecord(last)) <= 0 ? until : afterRecord(last);
  const expectedTo = compareCursors(reached, from) < 0 ? from : reached;
  if (!told || compareCursors(told, expectedTo) !== 0)
    throw new Error(`ends at ${JSON.stringify(told)}, not ${JSON.stringify(expectedTo)}`);
  return compareTexts(books, log, (cursor) => compareCursors(cursor, from) > 0 && compareCursors(cursor, until) <= 0);
}

const LIMIT_BYTES = 400;
/** Most that an envelope holds besides the bytes of one record's events: header, table, channels, references. */
const overheadBytes = (events: number): number =>
  96 + events * PLANS.length * 20 + PLANS.length * 20 + events * PLANS.length * 4;

function limitRound(choose: Choose): number {
  const log = aLog(choose);
  const outputBytes = 100 + choose(3000);
  const driver = new KernelDriver(outputBytes, { envelopeBytes: 1000, recordOutputBytes: LIMIT_BYTES });
  driver.open(0, beforeRecord(0));
  for (const [i, { plan }] of PLANS.entries()) driver.add('edge', channelId(i), plan);
  const books = new LaneBooks();
  const run = driver.run(
    log.map((one) => recordOf(one)),
    true,
  );
  books.read(run.envelopes);
  if (books.faults.length > 0) throw new Error(books.faults.join());
  const rejected = new Set(run.rejects.map(({ record }) => log[record]?.offset));
  if (run.rejects.some(({ code }) => code !== 'MDS_RECORD_TOO_LARGE')) throw new Error(JSON.stringify(run.rejects));
  for (const { offset, ns, text } of log) {
    const whole = ns.reduce((sum, n) => sum + textOf(n, text).length, 0);
    const projected = ns.filter((n) => n >= 10).length * '{"n":10}'.length;
    if (rejected.has(offset) && whole + projected + overheadBytes(ns.length) < LIMIT_BYTES)
      throw new Error(`${offset} is not too large`);
    // An output with room takes what is over the limit, too: it is there to keep outputs from growing without end.
    if (!rejected.has(offset) && whole + projected > Math.max(LIMIT_BYTES, outputBytes))
      throw new Error(`${offset} is too large`);
  }
  return compareTexts(books, log, ({ offset }) => !rejected.has(offset));
}

/** @returns how many events were delivered */
function compareTexts(books: LaneBooks, log: readonly Written[], isInside: (cursor: Cursor) => boolean): number {
  const texts = books.texts();
  let count = 0;
  for (const [i, { matches, text: textFor }] of PLANS.entries()) {
    const expected = log.flatMap(({ offset, ns, text }) =>
      ns.flatMap((n, index) =>
        matches(n) && isInside({ offset, index }) ? [`${offset}/${index} ${textFor(n, text)}`] : [],
      ),
    );
    const got = texts.get(`edge/100/${channelId(i)}`) ?? [];
    if (JSON.stringify(got) !== JSON.stringify(expected))
      throw new Error(`plan ${i}: ${got.join(' ')} and not ${expected.join(' ')}`);
    count += got.length;
  }
  return count;
}
