// Everything the control plane does about identities, put together: keys, issuers, and the directory that tells of them.

import { authSecretBytes } from '../../platform/auth-config.ts';
import { hashOfKey, parseApiKey } from '../../platform/identity/api-key.ts';
import type { Logger } from '../../platform/log.ts';
import type { Pool } from '../../platform/postgres.ts';
import type { Redis } from '../../platform/redis.ts';
import { MdsError } from '../../schemas/errors.ts';
import { identityKeys } from '../../schemas/identity/directory.ts';
import { DEFAULT_TENANT } from '../../schemas/identity/identity.ts';
import { upsertKey } from '../store/api-keys.ts';
import { DirectoryWriter } from './directory-writer.ts';
import { IssuerService } from './issuer-service.ts';
import { KeyService } from './key-service.ts';

export interface IdentityServicesParts {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly log: Logger;
  readonly config: {
    readonly redisPrefix: string;
    readonly authSecret?: string;
    readonly operatorKey?: string;
  };
  /** Has this process's own authenticator look at what was published. */
  readonly refresh: () => Promise<void>;
}

export class IdentityServices {
  readonly keys: KeyService;
  readonly issuers: IssuerService;
  readonly #parts: IdentityServicesParts;
  readonly #authSecret: Uint8Array | null;
  readonly #writer: DirectoryWriter;

  constructor(parts: IdentityServicesParts) {
    const { pool, redis, log, config } = parts;
    this.#parts = parts;
    this.#authSecret = config.authSecret === undefined ? null : authSecretBytes(config.authSecret);
    const keys = identityKeys(config.redisPrefix);
    this.#writer = new DirectoryWriter({ pool, redis, keys, log, now: () => performance.now() });
    const common = { db: pool, publish: () => this.publish(), nowMs: Date.now };
    this.keys = new KeyService({ ...common, authSecret: this.#authSecret });
    this.issuers = new IssuerService(common);
  }

  /** Makes the operator's key that the configuration gives, and tells of everything there is. */
  async start(): Promise<void> {
    await this.#keepOperatorKey();
    await this.#writer.publish();
  }

  /** To be waited for after each change: this process knows of it then, the others within milliseconds. */
  async publish(): Promise<void> {
    await this.#writer.publish();
    await this.#parts.refresh();
  }

  /** For the leader, in each round. */
  look(): void {
    this.#writer.look();
  }

  stop(): Promise<void> {
    return this.#writer.stop();
  }

  async #keepOperatorKey(): Promise<void> {
    const { pool, config } = this.#parts;
    if (config.operatorKey === undefined || this.#authSecret === null) return;
    const key = parseApiKey(config.operatorKey);
    if (key === null) {
      const problem = 'MDS_OPERATOR_KEY is not valid; it must be an API key such as `mds keys generate` prints';
      throw new MdsError('MDS_CONFIG_INVALID', { problems: [problem] });
    }
    await upsertKey(pool, {
      keyId: key.id,
      tenant: DEFAULT_TENANT,
      name: 'operator, from MDS_OPERATOR_KEY',
      hash: hashOfKey(this.#authSecret, key),
      roles: ['admin', 'operator'],
      grants: [],
      claims: {},
      createdBy: 'MDS_OPERATOR_KEY',
      expiresAt: null,
    });
  }
}
