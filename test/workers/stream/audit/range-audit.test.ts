// The judge of the delivery audit: what it calls missing, unexpected and exact.

import avsc from 'avsc';
import t from 'tap';
import type { AuditSample } from '../../../../schemas/audit.ts';
import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { END_OF_RECORD } from '../../../../schemas/cursor.ts';
import { makePlan } from '../../../../schemas/plan/plan.ts';
import { auditRange } from '../../../../workers/stream/audit/range-audit.ts';

const EVENT = { type: 'record', name: 'E', fields: [{ name: 'n', type: 'int' }] } as const;
const BATCH = {
  type: 'record',
  name: 'EBatch',
  'mds.batch': 'events',
  fields: [{ name: 'events', type: { type: 'array', items: EVENT } }],
} as const;
const [eventType, batchType] = [EVENT, BATCH].map((schema) => avsc.Type.forSchema(schema as never));
const single = (n: number): Uint8Array => encodeConfluent(1, eventType?.toBuffer({ n }) ?? Buffer.alloc(0));
const batch = (...ns: readonly number[]): Uint8Array =>
  encodeConfluent(2, batchType?.toBuffer({ events: ns.map((n) => ({ n })) }) ?? Buffer.alloc(0));
const schemas = [
  { schemaId: 1, text: JSON.stringify(EVENT) },
  { schemaId: 2, text: JSON.stringify(BATCH) },
];
/** Offsets 0 to 2: 1 | 2, 3, 4 | 5. The even ones match. */
const records = [single(1), batch(2, 3, 4), single(5)].map((value, offset) => ({ offset, value }));

function sample(
  given: readonly [number, number][],
  range: Partial<Pick<AuditSample, 'from' | 'to'>> = {},
): AuditSample {
  const plan = makePlan({ filter: 'n % 2 == 0' }, parseAvroSchema(EVENT));
  return {
    edgeId: 'e',
    topicId: 1,
    channel: 'c',
    plan,
    partition: 0,
    from: [-1, END_OF_RECORD],
    to: [2, END_OF_RECORD],
    given: [...given],
    takenMs: 0,
    ...range,
  };
}

const judged = (of: AuditSample) => auditRange({ sample: of, records, schemas });

t.test('a range of which exactly the matching events were given is exact', async (t) => {
  t.match(
    judged(
      sample([
        [1, 0],
        [1, 2],
      ]),
    ),
    { ranges: 1, exact: 1, events: 5, expected: 2, delivered: 2, missing: 0 },
  );
});

t.test('a matching event that was not given is missing', async (t) => {
  t.match(judged(sample([[1, 0]])), { exact: 0, expected: 2, delivered: 1, missing: 1, unexpected: 0 });
});

t.test('an event that does not match, comes twice or out of order is unexpected', async (t) => {
  t.match(
    judged(
      sample([
        [0, 0],
        [1, 0],
        [1, 2],
      ]),
    ),
    { exact: 0, unexpected: 1, missing: 0 },
  );
  t.match(
    judged(
      sample([
        [1, 0],
        [1, 0],
        [1, 2],
      ]),
    ),
    { unexpected: 1, missing: 0 },
  );
  t.match(
    judged(
      sample([
        [1, 2],
        [1, 0],
      ]),
    ),
    { unexpected: 1, missing: 0 },
  );
});

t.test('only what lies in the range counts, also when it begins and ends inside a record', async (t) => {
  t.match(judged(sample([[1, 2]], { from: [1, 0], to: [1, 2] })), { exact: 1, events: 2, expected: 1 });
});

t.test('records that nobody can decode, and tombstones, hold nothing', async (t) => {
  const broken = [
    { offset: 0, value: null },
    { offset: 1, value: Buffer.from('no') },
    { offset: 2, value: encodeConfluent(1, Buffer.from([0x80])) },
    { offset: 3, value: encodeConfluent(99, Buffer.from([2])) },
  ];
  t.match(auditRange({ sample: sample([]), records: broken, schemas }), { exact: 1, events: 0, expected: 0 });
});
