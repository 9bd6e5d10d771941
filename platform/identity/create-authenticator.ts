// The authenticator of a process, with its connections, copy of the directory and metrics.

import { identityKeys } from '../../schemas/identity/directory.ts';
import { authSecretBytes } from '../auth-config.ts';
import type { Health } from '../health.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { connectRedis } from '../redis.ts';
import { type Authenticator, openAuthenticator } from './authenticator.ts';
import { DirectoryReader } from './directory-reader.ts';
import { IdentityDirectory } from './identity-directory.ts';
import { KeyUsage } from './key-usage.ts';
import { type Outcome, RedisAuthenticator } from './redis-authenticator.ts';

export interface AuthenticatorConfig {
  readonly auth: 'on' | 'off';
  /** There whenever `auth` is on: loadConfig sees to it. */
  readonly authSecret?: string;
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly connectTimeoutMs: number;
}

export interface AuthenticatorContext {
  readonly config: AuthenticatorConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly signal?: AbortSignal;
}

export interface RunningAuthenticator extends Authenticator {
  /** Looks at Redis now, for whoever has just changed something there. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @returns when the directory was read, or Redis does not hold it yet: until then `authenticate` answers that it is away
 * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` when Redis stays away
 */
export async function createAuthenticator(context: AuthenticatorContext): Promise<RunningAuthenticator> {
  const { config, log, metrics, health, signal } = context;
  if (config.auth === 'off') return { ...openAuthenticator, refresh: async () => {}, stop: async () => {} };
  const outcomes = metrics.counter<'outcome'>(
    'authentications_total',
    'Credentials looked at: key and token were let in, unavailable could not be told, the others say why not',
    ['outcome'],
  );
  const options = { log, health, connectTimeoutMs: config.connectTimeoutMs, ...(signal ? { signal } : {}) };
  const redis = await connectRedis(config.redisUrl, { ...options, name: 'identities' });
  const notices = await connectRedis(config.redisUrl, { ...options, name: 'identity notices' });
  const keys = identityKeys(config.redisPrefix);
  const directory = new IdentityDirectory();
  const reader = new DirectoryReader({ directory, redis, notices, keys, health, log });
  const usage = new KeyUsage(redis, keys, log, Date.now);
  const authenticator = new RedisAuthenticator({
    directory,
    authSecret: authSecretBytes(config.authSecret ?? ''),
    nowMs: Date.now,
    onOutcome: (outcome: Outcome) => outcomes.inc({ outcome }),
    onKeyUsed: (keyId) => usage.note(keyId),
  });
  await reader.start();
  return {
    isOn: true,
    authenticate: (credential) => authenticator.authenticate(credential),
    current: (identity) => authenticator.current(identity),
    quotasOf: (tenant) => authenticator.quotasOf(tenant),
    refresh: () => reader.read(),
    stop: async () => {
      reader.stop();
      await usage.stop();
      redis.disconnect();
      notices.disconnect();
    },
  };
}
