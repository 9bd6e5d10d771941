// Exit codes of `mds`, and which failure gets which: a script decides by them whether to try again.

import type { MdsError } from '../../schemas/errors.ts';

export const EXIT_CODES = {
  OK: 0,
  /** The service refused, or the input is not valid. */
  FAILURE: 1,
  /** The command line or the environment is not valid. */
  USAGE: 2,
  /** The control plane, an edge or Kafka cannot be reached. */
  UNREACHABLE: 3,
} as const;
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

export const EXIT_CODES_HELP = `
Exit codes: 0 done (also after Ctrl-C), 1 refused or not valid, 2 wrong usage, 3 the service cannot be reached.`;

const UNREACHABLE: ReadonlySet<string> = new Set([
  'MDS_DEPENDENCY_UNAVAILABLE',
  'MDS_CONNECTION_LOST',
  'MDS_SHUTTING_DOWN',
]);

export function exitCodeOf(error: MdsError): ExitCode {
  if (UNREACHABLE.has(error.code)) return EXIT_CODES.UNREACHABLE;
  return error.code === 'MDS_CONFIG_INVALID' ? EXIT_CODES.USAGE : EXIT_CODES.FAILURE;
}
