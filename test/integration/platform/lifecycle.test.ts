// The life of a process, seen from outside: real child processes, their signals, output and exit codes.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const CHILD = fileURLToPath(new URL('../../platform/fixtures/lifecycle-child.ts', import.meta.url));

interface Child {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves when standard output has the text. */
  said(text: string): Promise<void>;
  exitCode(): Promise<number | null>;
}

function run(test: Pick<typeof t, 'teardown'>, behaviour: string, env: Record<string, string> = {}): Child {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [CHILD, behaviour], { env: { ...inherited, ...env } });
  const exited = once(child, 'close');
  test.teardown(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    said: async (text) => {
      while (!stdout.includes(text)) {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`ended without saying ${text}: ${stdout}${stderr}`);
        }
        await Promise.race([once(child.stdout, 'data'), exited]);
      }
    },
    exitCode: async () => (await exited)[0] as number | null,
  };
}

/** Each child takes half a second of starting; side by side they take what the cores allow. */
const TOGETHER = { buffered: true };
t.jobs = 4;

t.test('SIGTERM and SIGINT drain and exit with 0', TOGETHER, async (t) => {
  const stops = async (signal: NodeJS.Signals) => {
    const child = run(t, 'drains');
    await child.said('STARTED ready=true');
    child.process.kill(signal);
    t.equal(await child.exitCode(), 0);
    t.match(child.stdout(), 'STOPPING aborted=true ready=false');
    t.match(child.stdout(), 'DRAINED');
  };
  await Promise.all([stops('SIGTERM'), stops('SIGINT')]);
});

t.test('a second signal exits at once with 1', TOGETHER, async (t) => {
  const child = run(t, 'hangs');
  await child.said('STARTED');
  child.process.kill('SIGTERM');
  await child.said('STOPPING');
  child.process.kill('SIGINT');
  t.equal(await child.exitCode(), 1);
  t.match(child.stdout(), 'second signal');
});

t.test('a stop that takes longer than the deadline ends with 1 and a line that says so', TOGETHER, async (t) => {
  const child = run(t, 'hangs');
  await child.said('STARTED');
  child.process.kill('SIGTERM');
  t.equal(await child.exitCode(), 1);
  t.match(child.stdout(), 'not stopped within the deadline');
});

t.test('a stop that fails ends with 1 and the reason', TOGETHER, async (t) => {
  const child = run(t, 'fails-to-stop');
  await child.said('STARTED');
  child.process.kill('SIGTERM');
  t.equal(await child.exitCode(), 1);
  t.match(child.stdout(), 'cannot close');
});

t.test('an unhandled rejection or exception ends with 1 and is logged as fatal', TOGETHER, async (t) => {
  const dies = async (behaviour: string, reason: string) => {
    const child = run(t, behaviour);
    t.equal(await child.exitCode(), 1);
    t.match(child.stdout(), /"level":"fatal".*unhandled error, exiting/);
    t.match(child.stdout(), reason);
  };
  await Promise.all([
    dies('rejects', 'nobody listens'),
    dies('rejects-oddly', 'a string'),
    dies('throws', 'thrown in a callback'),
  ]);
});

t.test('a start that throws ends with 1 and its message on standard error', TOGETHER, async (t) => {
  const child = run(t, 'throws-at-start');
  t.equal(await child.exitCode(), 1);
  t.match(child.stderr(), 'nothing works today');
  t.match(child.stdout(), '"level":"fatal"');
});

t.test('a signal while starting ends with 0, whether start gives up or goes on', TOGETHER, async (t) => {
  const stops = async (behaviour: string) => {
    const child = run(t, behaviour);
    await child.said('STARTING');
    child.process.kill('SIGTERM');
    t.equal(await child.exitCode(), 0, behaviour);
  };
  await Promise.all([stops('waits-at-start'), stops('starts-anyway')]);
});

t.test('a bad configuration ends with 2 and one line for each problem', TOGETHER, async (t) => {
  const child = run(t, 'drains', { MDS_HTTP_PORT: 'eighty', MDS_LOG_LEVEL: 'loud', MDS_HTP_PORT: '1' });
  t.equal(await child.exitCode(), 2);
  const lines = child.stderr().trim().split('\n');
  t.equal(lines.length, 3);
  t.match(child.stderr(), 'did you mean MDS_HTTP_PORT?');
});
