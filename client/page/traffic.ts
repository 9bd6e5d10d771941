// What the charts show: events and latencies of the last two minutes, one point a second. Pure: time is passed in.

export const WINDOW_SECONDS = 120;
/** Latencies of one second that are kept; beyond it every further one replaces one at random place, so percentiles stay fair. */
const SAMPLES_PER_SECOND = 1000;

interface Second {
  readonly atSecond: number;
  events: number;
  samples: number[];
}

export interface TrafficSeries {
  /** Seconds since 1970; the running second is not among them. */
  readonly seconds: readonly number[];
  readonly eventsPerSecond: readonly (number | null)[];
  readonly p50Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
}

export class Traffic {
  readonly #random: () => number;
  #startedAtSecond: number;
  #seconds: Second[] = [];

  constructor(nowMs: number, random: () => number) {
    this.#random = random;
    this.#startedAtSecond = Math.floor(nowMs / 1000);
  }

  /** @param latencyMs null when it is not known */
  add(nowMs: number, events: number, latencyMs: number | null): void {
    const second = this.#secondAt(Math.floor(nowMs / 1000));
    second.events += events;
    if (latencyMs === null) return;
    for (let i = 0; i < events; i++) {
      if (second.samples.length < SAMPLES_PER_SECOND) second.samples.push(latencyMs);
      else second.samples[Math.floor(this.#random() * SAMPLES_PER_SECOND)] = latencyMs;
    }
  }

  /** Another filter or topic: what was before says nothing about it. */
  reset(nowMs: number): void {
    this.#seconds = [];
    this.#startedAtSecond = Math.floor(nowMs / 1000);
  }

  series(nowMs: number): TrafficSeries {
    const end = Math.floor(nowMs / 1000);
    const seconds = Array.from({ length: WINDOW_SECONDS }, (_, i) => end - WINDOW_SECONDS + i);
    const known = new Map(this.#seconds.map((second) => [second.atSecond, second]));
    const sorted = seconds.map((second) => (known.get(second)?.samples ?? []).toSorted((a, b) => a - b));
    return {
      seconds,
      eventsPerSecond: seconds.map((s) => known.get(s)?.events ?? (s < this.#startedAtSecond ? null : 0)),
      p50Ms: sorted.map((samples) => percentile(samples, 0.5)),
      p99Ms: sorted.map((samples) => percentile(samples, 0.99)),
    };
  }

  #secondAt(atSecond: number): Second {
    const last = this.#seconds.at(-1);
    if (last && last.atSecond >= atSecond) return last;
    const fresh = { atSecond, events: 0, samples: [] };
    this.#seconds.push(fresh);
    while ((this.#seconds[0]?.atSecond ?? atSecond) < atSecond - WINDOW_SECONDS) this.#seconds.shift();
    return fresh;
  }
}

/** Nearest rank. @param sorted rising */
function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}
