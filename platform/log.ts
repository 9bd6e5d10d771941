// Structured logs on standard output, one JSON object a line. One line per state change, never per event; `error` means
// that data is at risk or an operator must act.

import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
import { MdsError } from '../schemas/errors.ts';

export type { Logger } from 'pino';

/**
 * @param component which process logs: `edge`, `stream-worker`…
 * @param level least severe level that is written; `silent` writes nothing
 * @param destination standard output unless a test wants to read along
 */
export function createLogger(component: string, level = 'info', destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { component, pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: serializeError },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** MdsErrors with their code and details, anything else as pino does it: with its stack, for it is a bug. */
function serializeError(error: Error): unknown {
  if (!(error instanceof MdsError)) return stdSerializers.err(error);
  const cause = error.cause instanceof Error ? { cause: stdSerializers.err(error.cause) } : {};
  return { ...error.toJSON(), ...cause };
}
