// What the `mds` command can be told by its environment; `--api` and `--brokers` go before. Read by hand: loading the
// processes' config checker takes longer (0.4 s of CPU on a small machine) than most commands take altogether.

import { MdsError } from '../../schemas/errors.ts';
import { credentialFor, type FoundCredential } from './credentials.ts';

export interface CommandConfig {
  /** Base URL of the control plane. */
  readonly apiUrl: string;
  /** Kafka brokers, host:port with commas between; only `publish` talks to them. */
  readonly kafkaBrokers: string;
  /** Null: there is none, which is enough where authentication is off. */
  readonly credential: FoundCredential | null;
}

/** What `make run` starts. */
const DEFAULTS = { apiUrl: 'http://127.0.0.1:9400', kafkaBrokers: '127.0.0.1:9401' } as const;

/**
 * @param api value of `--api`
 * @throws MdsError `MDS_CONFIG_INVALID`
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>, api: string | undefined): CommandConfig {
  const apiUrl = api || env.MDS_API_URL || DEFAULTS.apiUrl;
  if (!/^https?:\/\//.test(apiUrl) || !URL.canParse(apiUrl)) {
    const name = api ? '--api' : 'MDS_API_URL';
    throw new MdsError('MDS_CONFIG_INVALID', {
      problems: [`${name} must be an http:// or https:// URL, not ${apiUrl}`],
    });
  }
  const kafkaBrokers = env.MDS_KAFKA_BROKERS || DEFAULTS.kafkaBrokers;
  return { apiUrl, kafkaBrokers, credential: credentialFor(apiUrl, env) };
}
