import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ERROR_KINDS, isMdsErrorCode, MdsError, type MdsErrorCode, reasonOf } from '../../schemas/errors.ts';

const codes = Object.keys(ERROR_KINDS).filter(isMdsErrorCode);
const placeholdersOf = (code: MdsErrorCode) =>
  [...ERROR_KINDS[code].message.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);

t.test('every message fills its placeholders from the details', async (t) => {
  for (const code of codes) {
    const names = placeholdersOf(code);
    const details = Object.fromEntries(names.map((name, place) => [name, `<detail ${place}>`]));
    const { message } = new MdsError(code, details);
    t.notMatch(message, /[{}]/, code);
    for (const value of Object.values(details)) t.ok(message.includes(String(value)), `${code} shows ${value}`);
  }
});

t.test('a message without its details still has no braces', async (t) => {
  for (const code of codes) t.notMatch(new MdsError(code).message, /[{}]/, code);
});

t.test('every message is a sentence', async (t) => {
  for (const code of codes) t.match(ERROR_KINDS[code].message, /^([A-Z]|\{).*\.$/s, code);
});

t.test('statuses are errors of HTTP, and "later" statuses are retryable', async (t) => {
  for (const code of codes) {
    const { status, retryable } = ERROR_KINDS[code];
    t.ok(status >= 400 && status < 600, code);
    const isMendedByWaiting = status === 409 || status === 429 || status >= 500; // 409: until another's work has ended
    if (retryable) t.ok(isMendedByWaiting, `${code}: a client's own mistake is not mended by waiting`);
  }
});

t.test('lists in details are joined, other values written out', async (t) => {
  t.equal(new MdsError('MDS_REQUEST_INVALID', { problems: ['a', 'b'] }).message, 'The request is not valid: a, b.');
  t.equal(new MdsError('MDS_NOT_FOUND', { what: 'topic', id: 0 }).message, 'There is no topic 0.');
});

t.test('details cannot inject placeholders', async (t) => {
  t.equal(new MdsError('MDS_NOT_FOUND', { what: '{id}', id: '$&{what}' }).message, 'There is no {id} $&{what}.');
});

t.test('an error travels with code, message, flag and details, and keeps its cause', async (t) => {
  const cause = new Error('below');
  const error = new MdsError('MDS_TIMEOUT', { operation: 'It', timeoutMs: 5 }, { cause });
  t.strictSame(JSON.parse(JSON.stringify(error)), {
    code: 'MDS_TIMEOUT',
    message: 'It did not finish within 5 ms; try again.',
    retryable: true,
    details: { operation: 'It', timeoutMs: 5 },
  });
  t.equal(error.cause, cause);
  t.equal(error.status, 504);
  t.equal(error.name, 'MdsError');
});

t.test('only codes of the list are codes', async (t) => {
  for (const name of ['MDS_NONSENSE', 'toString', '__proto__', '']) t.notOk(isMdsErrorCode(name), name);
});

t.test('the reason of anything thrown can be had', async (t) => {
  t.equal(reasonOf(new TypeError('x')), 'x');
  t.equal(reasonOf('text'), 'text');
  t.equal(reasonOf(undefined), 'undefined');
});

t.test('the list is closed: every code that the sources name is in it, and every code is used', async (t) => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const named = new Set<string>();
  for (const folder of ['schemas', 'platform', 'workers', 'control-plane', 'client', 'deploy']) {
    for (const text of sourcesIn(join(root, folder))) {
      for (const [, code] of text.matchAll(/MdsError\(\s*'(MDS_\w+)'/g)) if (code !== undefined) named.add(code);
    }
  }
  t.ok(named.size > 20, 'the sources were found');
  for (const code of named) t.ok(isMdsErrorCode(code), code);
});

function* sourcesIn(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const isSource = entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('node_modules');
    if (isSource) yield readFileSync(join(entry.parentPath, entry.name), 'utf8');
  }
}
