import t from 'tap';
import { faultsOf, NO_FAULTS, type ReceivedEvent, settle, sumOf } from './ledger.ts';
import { percentile } from './percentile.ts';
import type { ProducedEvent } from './producer.ts';

const at = (offset: number, index = 0, partition = 0) => ({ partition, offset, index });
const produced: readonly ProducedEvent<number>[] = [1, 2, 3, 4].map((event) => ({ ...at(event), event }));
const received = (...events: readonly number[]): ReceivedEvent[] => events.map((data) => ({ ...at(data), data }));
const all = { produced, matches: () => true };

t.test('a complete delivery has no faults', async (t) => {
  const ledger = settle({ ...all, received: received(1, 2, 3, 4), view: (event) => event });
  t.same(ledger, { produced: 4, expected: 4, received: 4, ...NO_FAULTS });
});

t.test('only what the model matches, behind the start, is expected', async (t) => {
  const after = new Map([[0, { offset: 1, index: 0 }]]);
  const ledger = settle({ produced, matches: (event) => event % 2 === 0, received: received(2, 4), after });
  t.equal(ledger.expected, 2);
  t.same(faultsOf(ledger), NO_FAULTS);
  const late = settle({ ...all, received: received(2, 3, 4), after: new Map([[0, { offset: 1, index: 5 }]]) });
  t.same(faultsOf(late), NO_FAULTS);
});

for (const [fault, events] of [
  ['lost', [1, 2, 4]],
  ['duplicate', [1, 2, 2, 3, 4]],
  ['unexpected', [1, 2, 3, 4, 9]],
  ['outOfOrder', [1, 3, 2, 4]],
] as const) {
  t.test(`one ${fault} event is found, and nothing else`, async (t) => {
    t.same(faultsOf(settle({ ...all, received: received(...events) })), { ...NO_FAULTS, [fault]: 1 });
  });
}

t.test('a doubled event that comes late is a duplicate, not out of order', async (t) => {
  t.same(faultsOf(settle({ ...all, received: received(1, 2, 3, 4, 1) })), { ...NO_FAULTS, duplicate: 1 });
});

t.test('an event with other content is found, whatever the order of its members', async (t) => {
  const view = (event: number): unknown => ({ a: event, b: [event, { c: null }] });
  const data = (event: number): ReceivedEvent => ({ ...at(event), data: { b: [event, { c: null }], a: event } });
  t.same(faultsOf(settle({ ...all, received: [1, 2, 3, 4].map(data), view })), NO_FAULTS);
  for (const wrong of [{ a: 2 }, { a: 2, b: [2] }, { a: 2, b: { 0: 2, 1: { c: null } } }, 2, null]) {
    const altered = [data(1), { ...at(2), data: wrong }, data(3), data(4)];
    t.same(faultsOf(settle({ ...all, received: altered, view })), { ...NO_FAULTS, altered: 1 });
  }
});

t.test('order is that of each partition by itself', async (t) => {
  const two = [at(1, 0, 0), at(1, 0, 1), at(2, 0, 0), at(2, 1, 0)].map((cursor) => ({ ...cursor, event: 0 }));
  const mixed = [at(1, 0, 1), at(1, 0, 0), at(2, 0, 0), at(2, 1, 0)].map((cursor) => ({ ...cursor, data: 0 }));
  t.same(faultsOf(settle({ produced: two, matches: () => true, received: mixed })), NO_FAULTS);
});

t.test('ledgers of one run are added up', async (t) => {
  const one = settle({ ...all, received: received(1, 2, 3) });
  t.match(sumOf([one, one]), { produced: 4, expected: 8, received: 6, lost: 2 });
});

t.test('percentiles are by nearest rank', async (t) => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  t.equal(percentile(values, 50), 100);
  t.equal(percentile(values, 99), 198);
  t.equal(percentile([5], 99), 5);
  t.ok(Number.isNaN(percentile([], 50)));
});
