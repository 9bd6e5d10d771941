// Structured logs on standard output, one JSON object a line. One line per state change, never per event; `error` means
// that data is at risk or an operator must act.

import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { MdsError } from '../schemas/errors.ts';
import type { ErrorBook } from './management/error-book.ts';

export type { Logger } from 'pino';

/**
 * @param component which process logs: `edge`, `stream-worker`…
 * @param level least severe level that is written; `silent` writes nothing
 * @param destination standard output unless a test wants to read along
 * @param errors counts every error that is logged as a warning or worse
 */
export function createLogger(
  component: string,
  level = 'info',
  destination?: DestinationStream,
  errors?: ErrorBook,
): Logger {
  const options = {
    level,
    base: { component, pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: serializeError },
    ...(errors === undefined ? {} : { hooks: countingErrors(errors) }),
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

const WARN = 40; // pino's number of the level

const countingErrors = (errors: ErrorBook): NonNullable<LoggerOptions['hooks']> => ({
  logMethod(args, method, level) {
    const [first]: readonly unknown[] = args;
    if (level >= WARN && typeof first === 'object' && first !== null && 'err' in first && first.err instanceof Error) {
      errors.record(first.err, 'topic' in first && typeof first.topic === 'string' ? { topic: first.topic } : {});
    }
    method.apply(this, args);
  },
});

/** MdsErrors with their code and details, anything else as pino does it: with its stack, for it is a bug. */
function serializeError(error: Error): unknown {
  if (!(error instanceof MdsError)) return stdSerializers.err(error);
  const cause = error.cause instanceof Error ? { cause: stdSerializers.err(error.cause) } : {};
  return { ...error.toJSON(), ...cause };
}
