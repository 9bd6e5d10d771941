// The OpenAPI document: complete for each route, and true to its schemas. A new route need not do anything for it but have
// a summary, a tag, and `problemsOf` what it may answer.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Check } from 'typebox/value';
import { describedApi } from '../../../control-plane/api/documentation.ts';
import { readDoors } from '../../../control-plane/api/doors-file.ts';
import { undisturbedServer } from '../../../docs/api-reference/undisturbed-server.ts';
import { codesIn, operationIdOf, parameterExample } from '../../../platform/openapi/complete-document.ts';
import { withDoors } from '../../../platform/openapi/doors.ts';
import { exampleOf } from '../../../platform/openapi/example-of.ts';
import { problemExample } from '../../../platform/openapi/problem-example.ts';
import { PROBLEM_CONTENT_TYPE, Problem } from '../../../schemas/api/problem.ts';
import { ERROR_KINDS, isMdsErrorCode } from '../../../schemas/errors.ts';

const ROOT = join(import.meta.dirname, '../../..');

const app = await undisturbedServer('1.2.3');
t.teardown(() => app.close());
const document = describedApi(app, await readDoors());
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
);

t.test('each operation has an id of its own, a summary and a tag that is described', async (t) => {
  const tags = new Set(document.tags?.filter(({ description }) => description !== undefined).map(({ name }) => name));
  for (const { name, operation } of operations) {
    t.ok(operation.summary, `${name} has a summary`);
    t.ok(operation.tags?.length && operation.tags.every((tag) => tags.has(tag)), `${name} has a tag that is described`);
  }
  t.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
  t.equal(operationIdOf('get', '/v1/dead-letters/{id}'), 'getDeadLettersById');
});

t.test('each request and each answer has an example that fits its schema', async (t) => {
  for (const { name, operation } of operations) {
    for (const parameter of operation.parameters ?? []) {
      const example = parameterExample(parameter);
      t.ok(
        Check((parameter.schema ?? {}) as object, example),
        `${name}: ${parameter.name} = ${JSON.stringify(example)}`,
      );
    }
    const good = Object.entries(operation.responses).filter(([status]) => status < '400');
    t.ok(good.length > 0, `${name} has a good answer`);
    const contents = [operation.requestBody?.content ?? {}, ...good.map(([, { content = {} }]) => content)];
    for (const [type, media] of contents.flatMap((content) => Object.entries(content))) {
      const shown =
        'example' in media ? [media.example] : Object.values(media.examples ?? {}).map(({ value }) => value);
      t.ok(shown.length > 0, `${name} has an example of ${type}`);
      const { schema } = media;
      if (schema !== undefined)
        for (const one of shown) t.ok(Check(schema as object, one), `${name}: ${JSON.stringify(one)}`);
    }
  }
});

t.test('each problem that is documented names its codes, and shows each of them', async (t) => {
  for (const { name, operation } of operations) {
    const problems = Object.entries(operation.responses).filter(([status]) => status >= '400');
    t.ok(problems.length >= 3, `${name} says what can go wrong`);
    for (const [status, response] of problems) {
      const codes = codesIn(response);
      const examples = Object.entries(response.content?.[PROBLEM_CONTENT_TYPE]?.examples ?? {});
      t.same(
        examples.map(([code]) => code),
        codes,
        `${name} ${status}`,
      );
      for (const [code, { value }] of examples) {
        t.ok(
          Check(Problem, value) && value.code === code && value.status === Number(status),
          `${name} ${status} ${code}`,
        );
      }
    }
  }
});

t.test('every code has an example in which no detail is left out', async (t) => {
  for (const code of Object.keys(ERROR_KINDS)) {
    if (!isMdsErrorCode(code)) continue;
    const problem = problemExample(code);
    t.ok(Check(Problem, problem), code);
    t.notMatch(problem.detail, /\{|undefined/, problem.detail);
  }
});

t.test('callers are told how to show who they are', async (t) => {
  t.match(document.components, { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } });
  t.same(document.security, [{ bearer: [] }]);
});

t.test('operations of other processes say where they are, and two processes never answer the same', async (t) => {
  const [query] = await readDoors();
  t.match(document.paths['/v1/topics/{topic}/aggregate']?.get, { 'x-door': 'query', servers: [{ url: /:9438$/ }] });
  t.notOk(document.paths['/v1/topics']?.get?.servers);
  if (query) t.throws(() => withDoors(document, [{ ...query, door: 'other' }]), /other is not the only one/);
});

t.test('no route of the API is hidden', async (t) => {
  for (const file of globSync(['control-plane/api/routes/*.ts', 'workers/query/routes/*.ts'], { cwd: ROOT })) {
    t.notMatch(readFileSync(join(ROOT, file), 'utf8'), /\bhide:/, file);
  }
});

t.test('an example is what the schema gives, a known word that fits, or the simplest value', async (t) => {
  t.equal(exampleOf({ type: 'string', examples: ['a', 'b'] }, 'topic'), 'a');
  t.equal(exampleOf({ type: 'string' }, 'topic'), 'orders');
  t.equal(exampleOf({ type: 'integer' }, 'topic'), 1, 'the word for topic is no number');
  t.equal(exampleOf({ type: 'integer', description: 'Default 30000.' }, 'waitMs'), 30_000);
  t.same(exampleOf({ type: 'object', properties: { n: { type: 'integer', minimum: 5 } } }), { n: 5 });
  t.equal(exampleOf({ anyOf: [{ type: 'null' }, { enum: ['x', 'y'] }] }), 'x');
  t.equal(exampleOf({ type: 'string', format: 'date-time' }), '2026-01-31T12:00:00.000Z');
});
