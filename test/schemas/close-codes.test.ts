import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { CLOSE_CODES, isResumable } from '../../schemas/close-codes.ts';

t.test('no two reasons share a code, and all are of the private range', async (t) => {
  const codes = Object.values(CLOSE_CODES);
  t.equal(new Set(codes).size, codes.length);
  t.ok(codes.every((code) => code >= 4000 && code <= 4999));
});

t.test('the number alone says whether to come back', async () => {
  fc.assert(fc.property(fc.integer({ min: 4000, max: 4499 }), (code) => isResumable(code)));
  fc.assert(fc.property(fc.integer({ min: 4500, max: 4999 }), (code) => !isResumable(code)));
});

t.test('what may be mended by reconnecting is below 4500, what a client must change is not', async (t) => {
  for (const name of [
    'DRAINING',
    'SLOW_CONSUMER',
    'GAP',
    'HEARTBEAT_MISSED',
    'INTERNAL',
    'TOO_MANY_CONNECTIONS',
  ] as const) {
    assert.ok(isResumable(CLOSE_CODES[name]), name);
  }
  for (const name of ['PROTOCOL', 'MESSAGE_TOO_LARGE', 'RATE_LIMITED', 'SUBPROTOCOL'] as const) {
    t.notOk(isResumable(CLOSE_CODES[name]), name);
  }
});

t.test('of the standard codes only a normal close and a policy violation are final', async (t) => {
  for (const code of [1000, 1008]) t.notOk(isResumable(code), String(code));
  for (const code of [1001, 1005, 1006, 1011, 1012, 1013]) assert.ok(isResumable(code), String(code));
});
