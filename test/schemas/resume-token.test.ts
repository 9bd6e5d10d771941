import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { Cursor } from '../../schemas/cursor.ts';
import { decodeResumeToken, encodeResumeToken, type ResumePoint } from '../../schemas/resume-token.ts';
import { anyCursor, anyText, flipBit, onlyThrows, RUNS, record } from './damage.ts';

const anyPoint: fc.Arbitrary<ResumePoint> = record({
  topicId: fc.oneof(fc.nat(300), fc.maxSafeNat()),
  position: fc
    .uniqueArray(fc.tuple(fc.oneof(fc.nat(20), fc.nat(100_000)), anyCursor), {
      maxLength: 20,
      selector: ([partition]) => partition,
    })
    .map((entries) => new Map<number, Cursor>(entries)),
});

const aPoint: ResumePoint = {
  topicId: 12,
  position: new Map([
    [0, { offset: -1, index: 0x7fffffff }],
    [1, { offset: 128, index: 0 }],
    [2, { offset: Number.MAX_SAFE_INTEGER - 1, index: 5 }],
  ]),
};

const readOrRefuse = (token: string) => onlyThrows(['MDS_TOKEN_CORRUPT'], () => decodeResumeToken(token));

t.test('what is encoded is decoded', async () => {
  fc.assert(
    fc.property(anyPoint, (point) => {
      const decoded = decodeResumeToken(encodeResumeToken(point));
      assert.equal(decoded.topicId, point.topicId);
      assert.deepEqual(
        [...decoded.position],
        [...point.position].sort(([a], [b]) => a - b),
      );
    }),
    { numRuns: RUNS },
  );
});

t.test('equal positions give equal tokens, in whatever order they were gathered', async (t) => {
  const reversed = { ...aPoint, position: new Map([...aPoint.position].reverse()) };
  t.equal(encodeResumeToken(reversed), encodeResumeToken(aPoint));
});

t.test('a token can stand in a URL or a file name', async () => {
  fc.assert(
    fc.property(anyPoint, (point) => {
      assert.match(encodeResumeToken(point), /^[A-Za-z0-9_-]+$/);
    }),
    { numRuns: 50 },
  );
});

t.test('every truncation is refused', async (t) => {
  const token = encodeResumeToken(aPoint);
  for (let length = 0; length < token.length; length++) {
    t.equal(readOrRefuse(token.slice(0, length)), 'MDS_TOKEN_CORRUPT', `${length} characters`);
  }
});

t.test('every single flipped bit is refused', async (t) => {
  const bytes = Buffer.from(encodeResumeToken(aPoint), 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(flipBit(bytes, bit)).toString('base64url');
    if (readOrRefuse(damaged) !== 'MDS_TOKEN_CORRUPT') t.fail(`bit ${bit} was accepted`);
  }
});

t.test('any changed character is refused', async () => {
  const token = encodeResumeToken(aPoint);
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
      fc.pre(token[at] !== character);
      assert.equal(readOrRefuse(token.slice(0, at) + character + token.slice(at + 1)), 'MDS_TOKEN_CORRUPT');
    }),
    { numRuns: RUNS },
  );
});

t.test('a token has one spelling: the bits that base64url leaves over must be zero', async (t) => {
  const token = sealed([1, 5, 0]); // 7 bytes: the last character carries 2 bits
  t.strictSame(decodeResumeToken(token), { topicId: 5, position: new Map() });
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (const character of alphabet) {
    const other = token.slice(0, -1) + character;
    if (other !== token) t.equal(readOrRefuse(other), 'MDS_TOKEN_CORRUPT', character);
  }
});

t.test('any other text is refused', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anyText,
        fc.base64String(),
        fc.uint8Array().map((b) => Buffer.from(b).toString('base64url')),
      ),
      (text) => {
        assert.equal(readOrRefuse(text), 'MDS_TOKEN_CORRUPT');
      },
    ),
    { numRuns: RUNS },
  );
});

t.test('each way to be wrong under a right checksum is refused with its reason', async (t) => {
  const cases: readonly [bytes: readonly number[], reason: RegExp][] = [
    [[2, 0, 0], /version 2/],
    [[1, 0, 1], /middle of a number/],
    [[1, 0, 1, 0, 1, 0, 9], /left over/],
    [[1, 0, 1, 0, 1, 0x80, 0x80, 0x80, 0x80, 0x08], /out of range/],
    [[1, 0, 2, 7, 1, 0, 7, 1, 0], /partition 7 stands twice/],
    [[1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], /too large/],
    [[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], /too large/],
  ];
  for (const [bytes, reason] of cases) {
    t.throws(() => decodeResumeToken(sealed(bytes)), { code: 'MDS_TOKEN_CORRUPT', message: reason }, String(reason));
  }
});

t.test('any bytes under a right checksum are refused or decode to a valid position', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 40 }), (bytes) => {
      onlyThrows(['MDS_TOKEN_CORRUPT'], () => {
        const { topicId, position } = decodeResumeToken(sealed([1, ...bytes]));
        if (!Number.isSafeInteger(topicId)) throw new Error('topic id');
        for (const [partition, { offset, index }] of position) {
          const isValid = Number.isSafeInteger(partition) && offset >= -1 && Number.isSafeInteger(offset) && index >= 0;
          if (!isValid || index > 0x7fffffff) throw new Error(`cursor ${offset}, ${index} of ${partition}`);
        }
      });
    }),
    { numRuns: 2000 },
  );
});

t.test('a token of megabytes is refused unread', async (t) => {
  t.throws(() => decodeResumeToken('A'.repeat(5_000_000)), { code: 'MDS_TOKEN_CORRUPT', message: /too long/ });
});

t.test('ten thousand partitions fit', async (t) => {
  const cursor = { offset: Number.MAX_SAFE_INTEGER - 1, index: 0x7fffffff };
  const position = new Map(Array.from({ length: 10_000 }, (_, partition) => [partition, cursor] as const));
  t.equal(decodeResumeToken(encodeResumeToken({ topicId: 1, position })).position.size, 10_000);
});

/** The bytes with their CRC-32 behind them, as a token. */
function sealed(bytes: readonly number[]): string {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE((crc ^ 0xffffffff) >>> 0);
  return Buffer.concat([Uint8Array.from(bytes), checksum]).toString('base64url');
}
