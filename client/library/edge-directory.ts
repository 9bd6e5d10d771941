// Which edge to connect to next: all that are known, in random order, the one that just failed last; edges named in a
// goodbye come first. The list is asked for again after each round, and an unreachable control plane leaves the last one.

import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { listEdges } from './rest.ts';
import type { Fetch } from './runtime.ts';

const STREAM_PATH = '/v1/stream';

export type EdgeSource = { readonly urls: readonly string[] } | { readonly api: string };

export class EdgeDirectory {
  readonly #source: EdgeSource;
  readonly #fetch: Fetch;
  readonly #random: () => number;
  #known: readonly string[] = [];
  #round: string[] = [];
  #last: string | undefined;

  constructor(source: EdgeSource, fetch: Fetch, random: () => number) {
    this.#source = source;
    this.#fetch = fetch;
    this.#random = random;
  }

  /** Puts these before all others, best first. */
  prefer(urls: readonly string[]): void {
    const streamUrls = urls.map(streamUrlOf);
    this.#round = [...streamUrls, ...this.#round.filter((url) => !streamUrls.includes(url))];
  }

  /** @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` when no edge is known */
  async next(): Promise<string> {
    if (this.#round.length === 0) await this.#startRound();
    const url = this.#round.shift();
    if (url === undefined)
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'An edge', reason: 'none runs' });
    this.#last = url;
    return url;
  }

  async #startRound(): Promise<void> {
    this.#known = await this.#ask();
    const others = this.#known.filter((url) => url !== this.#last);
    for (let i = others.length - 1; i > 0; i--) {
      const other = Math.floor(this.#random() * (i + 1));
      [others[i], others[other]] = [others[other] ?? '', others[i] ?? ''];
    }
    this.#round = this.#known.length > others.length && this.#last !== undefined ? [...others, this.#last] : others;
  }

  async #ask(): Promise<readonly string[]> {
    if ('urls' in this.#source) return this.#source.urls.map(streamUrlOf);
    try {
      const edges = await listEdges(this.#source.api, this.#fetch);
      const running = edges.filter(({ state }) => state === 'running').map(({ clientUrl }) => streamUrlOf(clientUrl));
      return running.length > 0 ? running : this.#known;
    } catch (error) {
      if (this.#known.length > 0) return this.#known;
      if (error instanceof MdsError) throw error;
      throw new MdsError(
        'MDS_DEPENDENCY_UNAVAILABLE',
        { dependency: `The control plane at ${this.#source.api}`, reason: reasonOf(error) },
        { cause: error },
      );
    }
  }
}

/** An edge may be named by host alone: its stream is always at the same path. */
function streamUrlOf(url: string): string {
  const parsed = new URL(url);
  if (parsed.pathname === '/') parsed.pathname = STREAM_PATH;
  return parsed.href;
}
