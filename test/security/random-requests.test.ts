// The whole REST API under random requests, made from its own OpenAPI document by schemathesis: no answer is a server error,
// none has a status, a content type or a shape that is not documented. The things its examples speak of are there, so that
// requests get beyond "there is no such topic".

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { SCHEMATHESIS_DIRECTORY } from '../../deploy/local/places.ts';
import { startService, type TestService } from '../integration/harness/service.ts';

/** First come the examples, then every parameter at its limits, then random requests for what is left of the time. */
const TIME_S = Number(process.env.SECONDS ?? 90);
const TIMEOUT_MS = 240_000;
const MAX_PARTITIONS = 2;
const DOCUMENT = 'openapi.json';
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
  const document = boundedDocument(await service.api.get('/openapi.json'), id);
  writeFileSync(join(service.directory, DOCUMENT), JSON.stringify(document));
  // Without its topics the others' examples lead nowhere: deleting them is tried last.
  await tryRequests(t, service, ['--exclude-operation-id', 'deleteTopicsByName', '--max-time', String(TIME_S)]);
  await tryRequests(t, service, ['--include-operation-id', 'deleteTopicsByName', '--max-time', String(TIME_S / 10)]);
  for (const process of [service.controlPlane, ...service.workers, ...service.edges]) {
    t.ok(process.isRunning, `${process.name} runs`);
  }
});

/**
 * The document with the examples' topics under names that no other test has, and with bounds on what random requests may make:
 * Kafka is shared with other tests, and takes its time over a thousand partitions.
 */
function boundedDocument(document: unknown, namespace: string): unknown {
  return JSON.parse(JSON.stringify(document), (key, value) => {
    if (value === 'orders' || value === 'large-orders') return `${value}-${namespace}`;
    if (key === 'partitions' && value?.maximum > MAX_PARTITIONS) return { ...value, maximum: MAX_PARTITIONS };
    if (key === 'name' && value?.pattern !== undefined)
      return { ...value, pattern: `^[a-z-]{1,12}-${namespace}$`, maxLength: 40 };
    return value;
  });
}

async function tryRequests(t: Test, service: TestService, which: readonly string[]): Promise<void> {
  const { code, output } = await schemathesis(service.directory, [
    ...['run', DOCUMENT, '--url', service.controlPlane.httpUrl, ...which],
    ...['--checks', CHECKS.join(','), '--phases', 'examples,coverage,fuzzing', '--workers', '4'],
    ...['--request-timeout', '15', '--max-failures', '20', '--no-shrink', '--warnings', 'off'],
    ...(process.env.SEED === undefined ? [] : ['--seed', process.env.SEED]),
  ]);
  t.comment(output.slice(output.lastIndexOf('= SUMMARY')));
  if (code !== 0) console.error(output);
  t.equal(code, 0, 'schemathesis finds nothing');
}

async function schemathesis(cwd: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const file = join(SCHEMATHESIS_DIRECTORY, 'bin/schemathesis');
  const options = { cwd, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NO_COLOR: '1' } };
  try {
    const { stdout } = await promisify(execFile)(file, args, options);
    return { code: 0, output: stdout };
  } catch (error) {
    if (!(error instanceof Error) || !('stdout' in error) || !('code' in error)) throw error;
    return { code: typeof error.code === 'number' ? error.code : -1, output: String(error.stdout) };
  }
}
