// The generator of the tenant matrix: no operation is left out, and one that nobody has thought about is an error.

import t from 'tap';
import { describedApi } from '../../../control-plane/api/documentation.ts';
import { readDoors } from '../../../control-plane/api/doors-file.ts';
import { undisturbedServer } from '../../../docs/api-reference/undisturbed-server.ts';
import type { ApiDocument } from '../../../platform/openapi/complete-document.ts';
import { attemptsOf, type Ids, RESOURCES } from './attempts.ts';
import { BODIES, OWNERS_ANSWERS, QUERIES } from './requests.ts';

const ids = Object.fromEntries(RESOURCES.map((resource) => [resource, `their-${resource}`])) as Ids; // every one is there

const documentOf = (path: string, operation: object): ApiDocument => ({
  openapi: '3.1.0',
  info: { title: '', version: '' },
  paths: { [path]: { post: { responses: {}, ...operation } } },
});

t.test('every operation of the API is attempted', async (t) => {
  const app = await undisturbedServer('1.2.3');
  t.teardown(() => app.close());
  const document = describedApi(app, await readDoors());
  const attempted = new Set(attemptsOf(document).map(({ name }) => name));
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods))
      t.ok(attempted.has(`${method.toUpperCase()} ${path}`), `${method} ${path}`);
  }
});

t.test('a path whose parameter means nothing here is an error', async (t) => {
  t.throws(() => attemptsOf(documentOf('/v1/secrets/{id}', {})), /post \/v1\/secrets\/\{id\}/);
});

t.test('their names go into the path, the query, and each member of the body that means something', async (t) => {
  const parameters = [{ in: 'query', name: 'tenant' }];
  const requestBody = {
    content: { 'application/json': { example: { topic: 'mine', filter: { target: 'mine' }, n: 1 } } },
  };
  const attempts = attemptsOf(documentOf('/v1/topics/{name}/copy', { parameters, requestBody }));
  t.same(
    attempts.map(({ path, body }) => [path(ids), body?.(ids)]),
    [
      ['/v1/topics/their-topic/copy', { topic: 'mine', filter: { target: 'mine' }, n: 1 }],
      ['/v1/topics/their-topic/copy?tenant=their-tenant', { topic: 'mine', filter: { target: 'mine' }, n: 1 }],
      ['/v1/topics/their-topic/copy', { topic: 'their-topic', filter: { target: 'mine' }, n: 1 }],
      ['/v1/topics/their-topic/copy', { topic: 'mine', filter: { target: 'their-target' }, n: 1 }],
      ['/v1/topics/their-topic/copy', { topic: 'their-topic', filter: { target: 'their-target' }, n: 1 }],
    ],
  );
});

t.test('what is said of an operation is about one that there is', async (t) => {
  const app = await undisturbedServer('1.2.3');
  t.teardown(() => app.close());
  const operations = new Set(attemptsOf(describedApi(app, await readDoors())).map(({ operation }) => operation));
  for (const said of Object.keys({ ...BODIES, ...QUERIES, ...OWNERS_ANSWERS })) t.ok(operations.has(said), said);
});
