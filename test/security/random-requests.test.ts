// The whole REST API under random requests, made from its own OpenAPI document by schemathesis: no answer is a server error,
// none has a status, a content type or a shape that is not documented. The things its examples speak of are there, so that
// requests get beyond "there is no such topic".

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { SCHEMATHESIS_DIRECTORY } from '../../deploy/local/places.ts';
import type { ApiDocument } from '../../platform/openapi/complete-document.ts';
import { startService, type TestService } from '../integration/harness/service.ts';
import { until } from '../integration/harness/until.ts';

/** First come the examples, then every parameter at its limits, then random requests for what is left of the time. */
const TIME_S = Number(process.env.SECONDS ?? 80);
/** Of that time. */
const SHARES = { controlPlane: 0.65, query: 0.15, ingest: 0.15, deletes: 0.05 } as const;
const TIMEOUT_MS = 240_000;
const MAX_PARTITIONS = 2;
/** More would only make it fail now and then: Python 3.11 loses count when several threads parse (python/cpython#106905). */
const WORKERS = '1';
const DOCUMENT = 'openapi.json';
/** A module that makes bodies of other types than JSON. */
const HOOKS = { SCHEMATHESIS_HOOKS: 'random-bodies', PYTHONPATH: import.meta.dirname, PYTHONDONTWRITEBYTECODE: '1' };
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];

t.setTimeout(TIMEOUT_MS + 60_000);

t.test('random requests are answered as the OpenAPI document says', async (t) => {
  const service = await startService(t);
  const { id } = service.namespace;
  for (const name of ['orders', 'large-orders']) await service.createTopic({ name, partitions: 1 });
  await service.api.post('/v1/subscriptions', { name: 'billing', topic: `orders-${id}` });
  const [query, rollup, ingest] = [await service.addQuery(), await service.addRollup(), await service.addIngest()];
  await Promise.all([query, rollup, ingest].map((process) => process.start()));
  await until('the rollup of the topic', 30_000, async () => {
    return (await fetch(`${query.httpUrl}/v1/topics/orders-${id}/aggregate?functions=count&window=1m`)).status !== 503;
  });
  const document = boundedDocument(await service.api.get('/openapi.json'), id);
  const own = { service, document: ofDoor(document, undefined), url: service.controlPlane.httpUrl };
  // Without its topics the others' examples lead nowhere: deleting them is tried last.
  const deletes = 'deleteTopicsByName';
  await tryRequests(t, own, SHARES.controlPlane, ['--exclude-operation-id', deletes]);
  await tryRequests(t, { service, document: ofDoor(document, 'query'), url: query.httpUrl }, SHARES.query, []);
  await tryRequests(t, { service, document: ofDoor(document, 'ingest'), url: ingest.httpUrl }, SHARES.ingest, []);
  await tryRequests(t, own, SHARES.deletes, ['--include-operation-id', deletes]);
  for (const process of [service.controlPlane, query, ingest, ...service.workers, ...service.edges]) {
    t.ok(process.isRunning, `${process.name} runs`);
  }
});

interface Tried {
  readonly service: TestService;
  readonly document: ApiDocument;
  readonly url: string;
}

/** The operations that one process answers; undefined: the control plane. */
function ofDoor(document: ApiDocument, door: string | undefined): ApiDocument {
  const paths = Object.entries(document.paths).flatMap(([path, operations]) => {
    const own = Object.entries(operations).filter(([, operation]) => operation['x-door'] === door);
    const placed = own.map(([method, { servers: _, ...operation }]) => [method, operation] as const);
    return placed.length === 0 ? [] : [[path, Object.fromEntries(placed)] as const];
  });
  return { ...document, paths: Object.fromEntries(paths) };
}

/** Without examples that are not JSON: what schemathesis sends of those types comes from random-bodies.py. */
const withoutExamples = (content: Readonly<Record<string, object>>) =>
  Object.fromEntries(
    Object.entries(content).map(([type, media]) => [
      type,
      type.endsWith('json') ? media : { ...media, example: undefined },
    ]),
  );

/**
 * The document with the examples' topics under names that no other test has, and with bounds on what random requests may make:
 * Kafka is shared with other tests, and takes its time over a thousand partitions.
 */
function boundedDocument(document: unknown, namespace: string): ApiDocument {
  return JSON.parse(JSON.stringify(document), (key, value) => {
    if (value === 'orders' || value === 'large-orders') return `${value}-${namespace}`;
    if (key === 'requestBody' && value?.content !== undefined)
      return { ...value, content: withoutExamples(value.content) };
    if (key === 'partitions' && value?.maximum > MAX_PARTITIONS) return { ...value, maximum: MAX_PARTITIONS };
    if (key === 'name' && value?.pattern !== undefined)
      return { ...value, pattern: `^[a-z-]{1,12}-${namespace}$`, maxLength: 40 };
    return value;
  });
}

async function tryRequests(
  t: Test,
  { service, document, url }: Tried,
  share: number,
  which: readonly string[],
): Promise<void> {
  writeFileSync(join(service.directory, DOCUMENT), JSON.stringify(document));
  const { code, output } = await schemathesis(service.directory, [
    ...['run', DOCUMENT, '--url', url, '--max-time', String(Math.ceil(TIME_S * share)), ...which],
    ...['--checks', CHECKS.join(','), '--phases', 'examples,coverage,fuzzing', '--workers', WORKERS],
    ...['--request-timeout', '15', '--max-failures', '20', '--no-shrink', '--warnings', 'off'],
    ...(process.env.SEED === undefined ? [] : ['--seed', process.env.SEED]),
  ]);
  t.comment(output.slice(output.lastIndexOf('= SUMMARY')));
  if (code !== 0) console.error(output);
  t.equal(code, 0, 'schemathesis finds nothing');
}

async function schemathesis(cwd: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const file = join(SCHEMATHESIS_DIRECTORY, 'bin/schemathesis');
  const options = {
    cwd,
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, ...HOOKS, NO_COLOR: '1' },
  };
  try {
    const { stdout } = await promisify(execFile)(file, args, options);
    return { code: 0, output: stdout };
  } catch (error) {
    if (!(error instanceof Error) || !('stdout' in error) || !('code' in error)) throw error;
    return { code: typeof error.code === 'number' ? error.code : -1, output: String(error.stdout) };
  }
}
