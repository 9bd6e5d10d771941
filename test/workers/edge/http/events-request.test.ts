import fc from 'fast-check';
import t from 'tap';
import { MdsError } from '../../../../schemas/errors.ts';
import { readPollRequest, readStreamRequest, wishText } from '../../../../workers/edge/http/events-request.ts';

const query = (text: string): URLSearchParams => new URLSearchParams(text);

t.test('a request says what to subscribe to and where to begin', async (t) => {
  const asked = 'filter=n%20%3E%201&fields=n,%20pad&overflow=latest&key=a.b,c&maxRate=2.5&from=earliest';
  t.same(readStreamRequest('host.metrics%2Fcpu', query(asked), ''), {
    message: {
      type: 'subscribe',
      id: 'events',
      topic: 'host.metrics/cpu',
      filter: 'n > 1',
      fields: ['n', 'pad'],
      overflow: 'latest',
      key: ['a.b', 'c'],
      maxRate: 2.5,
    },
    start: { kind: 'earliest' },
  });
});

t.test('a browser that comes back goes on where it was, whatever its URL says', async (t) => {
  const startOf = (text: string, lastEventId = '') => readStreamRequest('t', query(text), lastEventId).start;
  t.same(startOf('lastEventId=b&from=c', 'a'), { kind: 'behind', token: 'a' });
  t.same(startOf('lastEventId=b&from=c'), { kind: 'behind', token: 'b' });
  t.same(startOf('from=c'), { kind: 'behind', token: 'c' });
  t.same(startOf('from=now'), { kind: 'now' });
  t.same(startOf(''), { kind: 'now' });
});

t.test('a poll says how long it waits and how much it takes', async (t) => {
  const poll = (text: string) => readPollRequest('t', query(text));
  t.match(poll(''), { waitMs: 25_000, maxEvents: 500, start: { kind: 'now' } });
  t.match(poll('wait=1.5s&max=7&after=x'), { waitMs: 1500, maxEvents: 7, start: { kind: 'behind', token: 'x' } });
  t.match(poll('wait=500ms'), { waitMs: 500 });
  t.match(poll('wait=0'), { waitMs: 0 });
});

for (const [text, problem] of [
  ['filte=1', /filte.*did you mean filter/],
  ['nonsense=1', /no parameter "nonsense"; use filter/],
  ['filter=a&filter=b', /filter stands twice/],
  ['overflow=wait', /overflow must be one of/],
  ['overflow=latest', /needs a key/],
  ['maxRate=', /maxRate must be a number/],
  ['maxRate=5', /maxRate needs overflow/],
  ['wait=61s', /wait must be/],
  ['wait=soon', /wait must be/],
  ['max=0', /max must be/],
  ['max=1.5', /max must be/],
  ['lastEventId=a', /no parameter "lastEventId"/],
] as const) {
  t.test(`a poll with ${text} is told what is wrong`, async (t) => {
    t.throws(() => readPollRequest('t', query(text)), { code: 'MDS_REQUEST_INVALID', message: problem });
  });
}

t.test('all problems are told at once', async (t) => {
  t.throws(() => readPollRequest('%ff', query('wait=x&max=y&overflow=z')), {
    code: 'MDS_REQUEST_INVALID',
    message: /wait must.*max must.*percent-encoded.*overflow must/,
  });
});

t.test('whatever a URL holds is read or refused with a known error', async (t) => {
  const known = (read: () => unknown): boolean => {
    try {
      read();
      return true;
    } catch (error) {
      return error instanceof MdsError;
    }
  };
  const anyQuery = fc.array(
    fc.tuple(
      fc.constantFrom('filter', 'fields', 'overflow', 'key', 'maxRate', 'from', 'after', 'wait', 'max', 'x'),
      fc.string({ unit: 'binary' }),
    ),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), anyQuery, fc.string(), (topic, pairs, lastEventId) => {
      const params = new URLSearchParams(pairs.map(([name, value]) => [name, value]));
      return known(() => readStreamRequest(topic, params, lastEventId)) && known(() => readPollRequest(topic, params));
    }),
  );
  t.pass();
});

t.test('equal wishes have equal texts, others have not', async (t) => {
  const text = (asked: string) => wishText(readPollRequest('t', query(asked)).message);
  t.equal(text('filter=a&wait=1s'), text('wait=2s&filter=a&after=x'));
  t.not(text('filter=a'), text('filter=b'));
  t.not(text('fields=a'), text('key=a'));
});
