// A problem of the local stack that a person can solve: its message is a whole sentence saying what to do, and is shown
// without a stack trace. Anything else thrown in deploy/local is a bug and keeps its trace.

export class Failure extends Error {
  override readonly name = 'Failure';
}

/** Prints a failure as a sentence, anything else with its trace, and ends the process with code 1. */
export function failAndExit(error: unknown): never {
  if (error instanceof Failure) process.stderr.write(`\n${error.message}\n`);
  else process.stderr.write(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}

/** The message of anything thrown, with what caused it, for use inside a sentence. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
