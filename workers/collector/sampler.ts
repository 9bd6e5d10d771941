// When to read which source. Sources have their own pace (listing processes costs a hundred times what the load average
// does), and one that is still busy when its turn comes is passed over: slow sampling never piles up.

import type { Sample } from './sample.ts';

export interface Source {
  readonly name: string;
  /** Every how many rounds it is read: 1 is every round. */
  readonly everyRounds: number;
  readonly read: () => Promise<readonly Sample[]>;
}

interface SamplerEvents {
  readonly onSamples: (samples: readonly Sample[], source: string, tookMs: number) => void;
  /** A source failed; it is read again in its next turn. */
  readonly onFailure: (source: string, error: unknown) => void;
  /** A source was passed over because its last reading is not finished. */
  readonly onSkip: (source: string) => void;
}

export class Sampler {
  readonly #sources: readonly Source[];
  readonly #events: SamplerEvents;
  readonly #busy = new Map<string, Promise<void>>();
  #round = 0;

  constructor(sources: readonly Source[], events: SamplerEvents) {
    this.#sources = sources;
    this.#events = events;
  }

  /** Starts one round of readings; returns at once. */
  startRound(): void {
    const round = this.#round++;
    for (const source of this.#sources) {
      if (round % source.everyRounds !== 0) continue;
      if (this.#busy.has(source.name)) this.#events.onSkip(source.name);
      else this.#busy.set(source.name, this.#read(source));
    }
  }

  /** Resolves when no reading is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#busy.values());
  }

  async #read(source: Source): Promise<void> {
    const startedMs = performance.now();
    try {
      const samples = await source.read();
      this.#events.onSamples(samples, source.name, performance.now() - startedMs);
    } catch (error) {
      this.#events.onFailure(source.name, error);
    } finally {
      this.#busy.delete(source.name);
    }
  }
}
