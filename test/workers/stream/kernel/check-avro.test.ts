// The walk that stands between hostile bytes and avsc.

import avsc from 'avsc';
import fc from 'fast-check';
import t from 'tap';
import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import { compileAvroCheck } from '../../../../workers/stream/kernel/check-avro.ts';

const TREE = {
  type: 'record',
  name: 'Tree',
  fields: [
    { name: 'left', type: ['null', 'Tree'] },
    { name: 'tags', type: { type: 'map', values: 'bytes' } },
    { name: 'numbers', type: { type: 'array', items: 'double' } },
    { name: 'level', type: { type: 'enum', name: 'Level', symbols: ['A', 'B'] } },
    { name: 'id', type: { type: 'fixed', name: 'Id', size: 3 } },
    { name: 'flag', type: 'boolean' },
    { name: 'count', type: 'long' },
    { name: 'small', type: 'int' },
    { name: 'ratio', type: 'float' },
    { name: 'text', type: 'string' },
  ],
};
const type = avsc.Type.forSchema(TREE as avsc.Schema);
const check = compileAvroCheck(parseAvroSchema(TREE));
const codeOf = (schema: unknown, bytes: readonly number[] | Uint8Array): string => {
  try {
    compileAvroCheck(parseAvroSchema(schema))(Uint8Array.from(bytes), 0);
    return 'fine';
  } catch (error) {
    if (error instanceof MdsError) return error.code;
    throw error;
  }
};

const tree = fc.letrec((tie) => ({
  tree: fc.record({
    left: fc.option(tie('tree'), { maxDepth: 4 }),
    tags: fc.dictionary(
      fc.string(),
      fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    ),
    numbers: fc.array(fc.double()),
    level: fc.constantFrom('A', 'B'),
    id: fc.uint8Array({ minLength: 3, maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    flag: fc.boolean(),
    count: fc.maxSafeInteger().map((n) => Math.trunc(n / 4)),
    small: fc.integer(),
    ratio: fc.float(),
    text: fc.string(),
  }),
})).tree;

t.test('everything avsc writes passes, and each cut and each byte more is refused', (t) => {
  fc.assert(
    fc.property(tree, fc.nat(), (value, at) => {
      const bytes = type.toBuffer(value);
      check(bytes, 0);
      for (const [given, code] of [
        [bytes.subarray(0, at % bytes.length), 'MDS_RECORD_TRUNCATED'],
        [Buffer.concat([bytes, Buffer.from([7])]), 'MDS_RECORD_TRAILING_BYTES'],
      ] as const) {
        try {
          check(given, 0);
        } catch (error) {
          if (error instanceof MdsError && error.code === code) continue;
          throw error;
        }
        throw new Error(`${code} was not found`);
      }
    }),
    { numRuns: 200 },
  );
  t.pass('200 trees');
  t.end();
});

t.test('arbitrary bytes are refused or decoded, quickly', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        check(bytes, 0);
      } catch (error) {
        if (error instanceof MdsError) return;
        throw error;
      }
      const { offset } = type.decode(Buffer.from(bytes));
      if (offset !== bytes.length) throw new Error('avsc reads it differently');
    }),
    { numRuns: 500 },
  );
  t.pass('500 inputs');
  t.end();
});

t.test('what a hostile producer would try is refused without being believed', async (t) => {
  const huge = [0xfe, 0xff, 0xff, 0xff, 0x1f]; // 2^32 - 1, zigzag
  const list = (items: unknown): unknown => ({ type: 'array', items });
  t.equal(codeOf('string', huge), 'MDS_RECORD_TRUNCATED', 'a length of four billion');
  t.equal(codeOf(list('int'), huge), 'MDS_RECORD_TRUNCATED', 'a count of four billion');
  t.equal(codeOf(list('null'), [...huge, 0]), 'MDS_RECORD_CORRUPT', 'four billion items without bytes');
  t.equal(codeOf({ type: 'map', values: 'null' }, huge), 'MDS_RECORD_TRUNCATED');
  t.equal(codeOf('bytes', [1]), 'MDS_RECORD_CORRUPT', 'a negative length');
  t.equal(codeOf(['null', 'int'], [4]), 'MDS_RECORD_CORRUPT', 'a branch there is not');
  t.equal(codeOf(['null', 'int'], [1]), 'MDS_RECORD_CORRUPT', 'a negative branch');
  t.equal(codeOf({ type: 'enum', name: 'E', symbols: ['A'] }, [2]), 'MDS_RECORD_CORRUPT');
  t.equal(codeOf('boolean', [2]), 'MDS_RECORD_CORRUPT');
  t.equal(codeOf('boolean', []), 'MDS_RECORD_TRUNCATED');
  t.equal(codeOf('long', Array(11).fill(0x80)), 'MDS_RECORD_CORRUPT', 'a number without end');
  t.equal(codeOf('int', [0xff, 0xff, 0xff, 0xff, 0x7f]), 'MDS_RECORD_CORRUPT', 'more than 32 bits');
  t.equal(codeOf('int', [0x80, 0x80, 0x80, 0x80, 0x80]), 'MDS_RECORD_CORRUPT', 'more than five bytes');
  t.equal(codeOf(list('int'), [1, 2, 5, 0]), 'fine', 'a block of one item that says its length, one byte');
  t.equal(codeOf(list('int'), [1, 4, 5, 0, 0]), 'MDS_RECORD_CORRUPT', 'a block that lies about its length');
  t.equal(codeOf(list('int'), [1, 100, 5, 0]), 'MDS_RECORD_TRUNCATED', 'a block that ends outside');
  const nest = { type: 'record', name: 'Nest', fields: [{ name: 'inner', type: ['null', 'Nest'] }] };
  t.equal(codeOf(nest, [...Array(20).fill(2), 0]), 'fine');
  t.equal(codeOf(nest, [...Array(100_000).fill(2), 0]), 'MDS_RECORD_CORRUPT', 'nesting without end');
});
