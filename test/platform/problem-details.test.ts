// Problem details of whatever may be thrown.

import t from 'tap';
import { problemOf, problemOfThrown } from '../../platform/problem-details.ts';
import { MdsError } from '../../schemas/errors.ts';

const noBug = (): string => {
  throw new Error('this is not a bug');
};

t.test('an error of the list keeps its code, status and details', async (t) => {
  t.same(problemOf(new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'x' })), {
    topic: 'x',
    type: 'urn:mds:problem:topic-unknown',
    title: 'Topic unknown',
    status: 404,
    detail: 'There is no topic x.',
    code: 'MDS_TOPIC_UNKNOWN',
    retryable: false,
  });
});

t.test('details cannot displace the members of the standard', async (t) => {
  const problem = problemOf(
    new MdsError('MDS_NOT_FOUND', { what: 'topic', id: 'x', status: 1, code: 'y', title: 'z' }),
  );
  t.match(problem, { status: 404, code: 'MDS_NOT_FOUND', title: 'Not found' });
});

t.test('a request that violates its schema shows every problem with its place', async (t) => {
  const validation = [
    { keyword: 'boolean', instancePath: '/x', params: {}, message: 'schema is false' },
    { keyword: 'additionalProperties', instancePath: '', params: { additionalProperties: ['x', 'y'] }, message: '' },
    { keyword: 'minimum', instancePath: '/partitions', params: {}, message: 'must be >= 1' },
    { keyword: 'odd', instancePath: '/name', params: {} },
  ];
  const problem = problemOfThrown(Object.assign(new Error('?'), { validation, validationContext: 'body' }), noBug);
  t.equal(problem.code, 'MDS_REQUEST_INVALID');
  t.same(problem.errors, [
    { at: 'body', message: 'there is no x, y' },
    { at: 'body/partitions', message: 'must be >= 1' },
    { at: 'body/name', message: 'violates odd' },
  ]);
});

t.test('what Fastify refuses keeps its status', async (t) => {
  const tooLarge = problemOfThrown(Object.assign(new Error('Body too large'), { statusCode: 413 }), noBug);
  t.match(tooLarge, {
    status: 413,
    code: 'MDS_REQUEST_INVALID',
    errors: [{ at: 'request', message: 'Body too large' }],
  });
});

t.test('a database that is away can be tried again', async (t) => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  t.match(problemOfThrown(refused, noBug), { status: 503, code: 'MDS_DEPENDENCY_UNAVAILABLE', retryable: true });
});

t.test('anything else is a bug: logged, and not shown', async (t) => {
  const seen: unknown[] = [];
  const bug = new Error('secret');
  const problem = problemOfThrown(bug, (thrown) => {
    seen.push(thrown);
    return 'ref-1';
  });
  t.same(seen, [bug]);
  t.match(problem, { status: 500, code: 'MDS_INTERNAL' });
  t.match(problem.detail, /ref-1/);
  t.notMatch(JSON.stringify(problem), /secret/);
  t.match(
    problemOfThrown('a string', () => 'ref-2'),
    { code: 'MDS_INTERNAL' },
  );
});
