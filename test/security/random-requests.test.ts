// The whole REST API under random requests, made from its own OpenAPI document by schemathesis: no answer is a server error,
// none has a status, a content type or a shape that is not documented. The things its examples speak of are there, so that
// requests get beyond "there is no such topic".

import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { SCHEMATHESIS_DIRECTORY } from '../../deploy/local/places.ts';
import { startService } from '../integration/harness/service.ts';

/** Of random requests; the examples and the limits of every parameter are tried before, which takes as long as it takes. */
const FUZZING_S = Number(process.env.SECONDS ?? 60);
const TIMEOUT_MS = 240_000;
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
  for (const name of ['orders', 'large-orders']) await service.api.createTopic({ name, partitions: 1 });
  await service.api.post('/v1/subscriptions', { name: 'billing', topic: 'orders' });
  const directory = join(service.directory, 'schemathesis');
  mkdirSync(directory, { recursive: true });
  const { code, output } = await schemathesis(directory, [
    ...['run', `${service.controlPlane.httpUrl}/openapi.json`],
    ...['--checks', CHECKS.join(',')],
    ...['--phases', 'examples,coverage,fuzzing', '--max-time', String(FUZZING_S), '--workers', '4'],
    ...['--request-timeout', '15', '--max-failures', '20', '--no-shrink', '--warnings', 'off'],
    ...(process.env.SEED === undefined ? [] : ['--seed', process.env.SEED]),
  ]);
  t.comment(output.slice(output.lastIndexOf('= SUMMARY')));
  t.equal(code, 0, output);
  for (const process of [service.controlPlane, ...service.workers, ...service.edges]) {
    t.ok(process.isRunning, `${process.name} runs`);
  }
});

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
