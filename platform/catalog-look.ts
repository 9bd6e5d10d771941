// What a process knows of the topics is a copy. A topic may have been created a moment ago, or have grown, and its notice
// was lost or is still on its way: only what Redis holds now can say that there is no such topic, since whoever asks gives up
// over that answer.

import { setTimeout as delay } from 'node:timers/promises';
import { MdsError, type MdsErrorCode } from '../schemas/errors.ts';

/** Those who ask for topics that do not exist cost a reading each tenth of a second, however many they are. */
const LOOK_INTERVAL_MS = 100;

/** Readings of the catalog that whoever asks at the same time shares. */
export class CatalogLook {
  /** @returns whether there were topics; false: Redis is away, or has forgotten them */
  readonly #read: () => Promise<boolean>;
  /** A reading that has not begun yet. */
  #next: Promise<boolean> | null = null;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(read: () => Promise<boolean>) {
    this.#read = read;
  }

  /** Reads what is there now; those who ask before it begins share the reading. */
  anew(): Promise<boolean> {
    this.#next ??= this.#look();
    return this.#next;
  }

  async #look(): Promise<boolean> {
    await delay(Math.max(0, this.#lastMs + LOOK_INTERVAL_MS - performance.now()));
    this.#next = null;
    this.#lastMs = performance.now();
    return this.#read();
  }
}

/**
 * Tries, and once more after a look.
 *
 * @param lookAnew reads the topics as they are now. Gives false when they could not be read
 * @throws MdsError what trying throws the second time, or `MDS_DEPENDENCY_UNAVAILABLE` when nobody could look
 */
export async function afterLook<Found>(
  tryIt: () => Found | Promise<Found>,
  lookAnew: () => Promise<boolean>,
): Promise<Found> {
  try {
    return await tryIt();
  } catch (error) {
    if (!mayBeMended(error)) throw error;
    if (!(await lookAnew())) throw catalogIsAway(error);
    return tryIt();
  }
}

const MENDED_BY_A_LOOK: ReadonlySet<MdsErrorCode> = new Set([
  'MDS_TOPIC_UNKNOWN',
  'MDS_TOKEN_WRONG_TOPIC', // deleted and created anew
  'MDS_TOPIC_BEHIND',
]);

/** Whether an old copy of the catalog may be the reason. */
export const mayBeMended = (error: unknown): boolean => error instanceof MdsError && MENDED_BY_A_LOOK.has(error.code);

export function catalogIsAway(cause: unknown): MdsError {
  const reason = 'it could not be read from Redis';
  return new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'The topic catalog', reason }, { cause });
}
