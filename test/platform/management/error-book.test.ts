import fc from 'fast-check';
import t from 'tap';
import { createLogger } from '../../../platform/log.ts';
import { ErrorBook } from '../../../platform/management/error-book.ts';
import { withoutSecrets } from '../../../platform/management/redact.ts';
import { MdsError } from '../../../schemas/errors.ts';

t.test('errors are counted by code, topic and tenant, with the first sample', async (t) => {
  const book = new ErrorBook('edge');
  book.record(new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'a' }), { tenant: 't' }, 10);
  book.record(new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'a' }), { tenant: 't' }, 30);
  book.record(new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'b' }), { tenant: 't' }, 20);
  const groups = book.drain();
  t.match(groups, [
    { code: 'MDS_TOPIC_UNKNOWN', component: 'edge', topic: 'a', tenant: 't', count: 2, firstMs: 10, lastMs: 30 },
    { topic: 'b', count: 1 },
  ]);
  t.same(book.drain(), [], 'the book is empty');
  book.restore(groups);
  t.same(book.drain(), groups, 'what could not be shipped is put back');
});

t.test('what is none of the closed list counts as a bug and shows nothing of its inside', async (t) => {
  const book = new ErrorBook('edge');
  book.record(new TypeError('event {"card":"4711"}'), {}, 1);
  const [group] = book.drain();
  t.match(group, { code: 'MDS_INTERNAL', sample: 'TypeError; see the log' });
});

t.test('a flood of different errors is bounded, and loses counts of none', async (t) => {
  const book = new ErrorBook('edge');
  for (let i = 0; i < 1000; i++) book.record(new MdsError('MDS_TOPIC_UNKNOWN', { topic: `t${i}` }), { tenant: 'a' }, i);
  const groups = book.drain();
  t.ok(groups.length <= 201, String(groups.length));
  t.equal(
    groups.reduce((sum, { count }) => sum + count, 0),
    1000,
  );
  t.match(groups.at(-1), { topic: '', tenant: '', sample: '' }, "and one tenant's sample is shown to no other");
});

t.test('an error that is logged as a warning or worse is counted by itself', async (t) => {
  const book = new ErrorBook('edge');
  const log = createLogger('edge', 'info', { write: () => {} }, book);
  log.warn({ err: new MdsError('MDS_TIMEOUT'), topic: 'orders' }, 'late');
  log.info({ err: new MdsError('MDS_TIMEOUT') }, 'no matter');
  log.warn({ reason: 'no error' }, 'a warning');
  t.match(book.drain(), [{ code: 'MDS_TIMEOUT', topic: 'orders', count: 1 }]);
});

t.test('credentials are masked, the rest stays', async (t) => {
  const masked = [
    ['key mds_4f2a90_s3cr3t-value is bad', 'key mds_4f2a90_*** is bad'],
    ['Authorization: Bearer abc.def', 'Authorization: Bearer ***'],
    ['postgres://mds:s3cr3t@host:1/x away', 'postgres://mds:***@host:1/x away'],
    ['redis://:s3cr3t@host', 'redis://:***@host'],
    ['token=s3cr3t&x=1', 'token=***&x=1'],
    ['eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.sig failed', '*** failed'],
    ['There is no field severty', 'There is no field severty'],
  ];
  for (const [text = '', expected = ''] of masked) t.equal(withoutSecrets(text), expected);
});

t.test('no secret of a key survives, wherever it stands', async () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9]{16,32}$/);
  fc.assert(
    fc.property(fc.string(), secret, fc.string(), (before, value, after) => {
      return !withoutSecrets(`${before} mds_abc_${value} ${after}`).includes(value);
    }),
  );
});
