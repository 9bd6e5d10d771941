// Runs a command with a stack of its own: `node test/integration/harness/with-stack.ts -- tap test/integration`. The stack
// is started once, named in MDS_TEST_STACK, and stopped when the command ends, however it ends. Exits with its exit code.

import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ownStack, STACK_VARIABLE } from './stack.ts';

async function main(): Promise<number> {
  const [file, ...args] = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
  if (file === undefined) {
    process.stderr.write('Usage: node test/integration/harness/with-stack.ts -- COMMAND [ARGUMENT …]\n');
    return 2;
  }
  const stack = await ownStack((line) => process.stderr.write(`${line}\n`));
  try {
    const address = JSON.stringify({ home: stack.home, env: stack.env });
    const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, [STACK_VARIABLE]: address } });
    return await exitCodeOf(child);
  } finally {
    await stack.release();
  }
}

/** Passes signals on and waits: the command is to end first, then the stack. */
function exitCodeOf(child: ChildProcess): Promise<number> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

process.exitCode = await main();
