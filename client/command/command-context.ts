// What every command gets: the REST client, the output, and the settings from the environment and the global options.

import { type Command, CommanderError } from 'commander';
import type { MdsError } from '../../schemas/errors.ts';
import { bearerFetch } from '../library/bearer-fetch.ts';
import { IdentityClient } from '../library/identities.ts';
import { RestClient } from '../library/rest.ts';
import type { Fetch } from '../library/runtime.ts';
import { type CommandConfig, readConfig } from './config.ts';
import { EXIT_CODES, type ExitCode, exitCodeOf } from './exit-codes.ts';
import { asMdsError, Output } from './output.ts';

export interface CommandContext {
  readonly rest: RestClient;
  readonly identities: IdentityClient;
  /** Says who asks. */
  readonly fetch: Fetch;
  readonly output: Output;
  readonly config: CommandConfig;
}

/** An MdsError that is shown together with the filter it is about. */
export class FilterFailure extends Error {
  readonly error: MdsError;
  readonly filter: string;

  constructor(error: MdsError, filter: string) {
    super(error.message);
    this.error = error;
    this.filter = filter;
  }
}

/**
 * Runs one command to its exit code; failures are written to stderr.
 *
 * @param command the command that was called, for its global options
 */
export async function runCommand(
  command: Command,
  run: (context: CommandContext) => Promise<ExitCode | undefined>,
): Promise<void> {
  const globals: { json?: boolean; api?: string } = command.optsWithGlobals();
  const output = new Output(process.stdout, process.stderr, globals.json === true);
  let config: CommandConfig | undefined;
  try {
    config = readConfig(process.env, globals.api);
    const fetch = bearerFetch(config.credential?.value ?? null);
    const rest = new RestClient(config.apiUrl, fetch);
    const identities = new IdentityClient(config.apiUrl, fetch);
    process.exitCode = (await run({ rest, identities, fetch, output, config })) ?? EXIT_CODES.OK;
  } catch (thrown) {
    if (thrown instanceof CommanderError) throw thrown; // wrong usage that only the action could see, told already
    const error = thrown instanceof FilterFailure ? thrown.error : asMdsError(thrown);
    output.error(error, thrown instanceof FilterFailure ? thrown.filter : undefined);
    const isTrying = command.name() === 'login'; // another credential than the one of the configuration
    const advice = config === undefined || output.json || isTrying ? null : adviceFor(error, config);
    if (advice !== null) output.note(advice);
    process.exitCode = exitCodeOf(error);
  }
}

/** What a person at a terminal can do about not being let in. */
function adviceFor({ code }: MdsError, { apiUrl, credential }: CommandConfig): string | null {
  if (code === 'MDS_FORBIDDEN') return '     `mds whoami` shows what this key or token may do.';
  if (code !== 'MDS_UNAUTHENTICATED') return null;
  if (credential !== null)
    return `     What was sent to ${apiUrl} came from ${credential.from}; \`mds login\` takes another one.`;
  return `     None was sent to ${apiUrl}: use \`mds login\`, or set MDS_API_KEY.`;
}
