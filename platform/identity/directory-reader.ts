// Reads the identity directory from Redis into the process's copy: when there is a notice, and every second without one.

import { reasonOf } from '../../schemas/errors.ts';
import { DIRECTORY_READ_INTERVAL_MS, type IdentityKeys, REVISION_FIELD } from '../../schemas/identity/directory.ts';
import type { Health } from '../health.ts';
import type { Logger } from '../log.ts';
import { type Redis, subscribeAtStart } from '../redis.ts';
import type { IdentityDirectory } from './identity-directory.ts';

export interface DirectoryReaderParts {
  readonly directory: IdentityDirectory;
  readonly redis: Redis;
  /** A connection for notices only, in subscriber mode afterwards. */
  readonly notices: Redis;
  readonly keys: IdentityKeys;
  readonly health: Health;
  readonly log: Logger;
}

export class DirectoryReader {
  readonly #parts: DirectoryReaderParts;
  /** So that the same problem is logged once. */
  #lastProblem = '';
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(parts: DirectoryReaderParts) {
    this.#parts = parts;
  }

  /** Resolves when it was read once, or could not be: it is tried on. */
  async start(): Promise<void> {
    const { notices, keys } = this.#parts;
    notices.on('message', (channel: string) => {
      if (channel === keys.notify) void this.read();
    });
    await subscribeAtStart(notices, 'subscribe', [keys.notify]);
    await this.read();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Never rejects: the last good copy serves on. A notice that comes meanwhile has it read again. */
  async read(): Promise<void> {
    if (this.#stopped) return;
    if (this.#reading !== null) {
      this.#again = true;
      await this.#reading;
      return;
    }
    clearTimeout(this.#timer);
    this.#reading = this.#readUntilQuiet();
    await this.#reading;
    this.#reading = null;
    if (!this.#stopped) this.#timer = setTimeout(() => void this.read(), DIRECTORY_READ_INTERVAL_MS);
  }

  async #readUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      await this.#readOnce();
    } while (this.#again && !this.#stopped);
  }

  async #readOnce(): Promise<void> {
    const { directory, redis, keys, health, log } = this.#parts;
    let problem = '';
    try {
      const revision = await redis.hget(keys.directory, REVISION_FIELD);
      const isNew = revision === null || revision !== directory.revision;
      if (isNew && !directory.update(await redis.hgetall(keys.directory)))
        problem = 'Redis does not hold all of it yet';
    } catch (error) {
      problem = reasonOf(error);
    }
    if (problem !== '' && problem !== this.#lastProblem) {
      log.warn({ reason: problem, hasCopy: directory.revision !== null }, 'the identity directory cannot be read');
    }
    this.#lastProblem = problem;
    health.setReady('identities', directory.revision !== null, problem);
  }
}
