// What the log says of repairs: one line when a topic begins to be repaired and one when it is whole again, however many
// partitions and gaps there are between; lost ranges are told at once, as errors, because data is missing for good.

import type { Logger } from '../../../platform/log.ts';
import type { RepairEvent } from './topic-repairs.ts';

/** Between two beginnings of one topic that are logged; what happens between is counted. */
const MIN_INTERVAL_MS = 10_000;
/** Lost ranges of one interval that are logged one by one. */
const MAX_LOST_LINES = 20;

interface Episode {
  beganMs: number;
  /** Repairs under way. */
  open: number;
  isLogged: boolean;
  repairs: number;
  events: number;
  failed: number;
  lostLines: number;
}

export class RepairLog {
  readonly #log: Logger;
  readonly #now: () => number;
  /** By topic: as many as there are topics with subscribers. */
  readonly #episodes = new Map<string, Episode>();

  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  note(topic: string, event: RepairEvent): void {
    const episode = this.#episodeOf(topic);
    switch (event.kind) {
      case 'begun':
        this.#onBegun(topic, episode, event);
        return;
      case 'expired':
      case 'given_up':
        this.#onLost(topic, episode, event);
        return;
      case 'ended':
        episode.open -= 1;
        episode.events += event.eventCount;
        if (event.outcome === 'failed') episode.failed += 1;
        if (episode.open === 0) this.#onWhole(topic, episode);
    }
  }

  #episodeOf(topic: string): Episode {
    let episode = this.#episodes.get(topic);
    if (!episode) {
      episode = newEpisode(Number.NEGATIVE_INFINITY);
      this.#episodes.set(topic, episode);
    }
    return episode;
  }

  #onBegun(topic: string, episode: Episode, event: Extract<RepairEvent, { kind: 'begun' }>): void {
    const nowMs = this.#now();
    if (episode.open === 0 && nowMs - episode.beganMs >= MIN_INTERVAL_MS) {
      Object.assign(episode, newEpisode(nowMs));
      const { partition, from, to } = event;
      this.#log.warn({ topic, partition, from, to }, 'the lane has lost something, it is read again from Kafka');
      episode.isLogged = true;
    }
    episode.open += 1;
    episode.repairs += 1;
  }

  #onLost(topic: string, episode: Episode, event: Extract<RepairEvent, { kind: 'expired' | 'given_up' }>): void {
    episode.lostLines += 1;
    if (episode.lostLines > MAX_LOST_LINES) return;
    const { partition, from, to } = event;
    const what =
      event.kind === 'expired'
        ? 'Kafka has deleted a range that was to be read again; subscribers are told of the gap'
        : 'a range could not be read again; its subscribers are closed and must resume';
    this.#log.error({ topic, partition, from, to }, what);
  }

  #onWhole(topic: string, episode: Episode): void {
    if (!episode.isLogged) return;
    const { repairs, events, failed, beganMs } = episode;
    episode.isLogged = false;
    this.#log.info({ topic, repairs, events, failed, tookMs: this.#now() - beganMs }, 'the lane is whole again');
  }
}

const newEpisode = (beganMs: number): Episode => ({
  beganMs,
  open: 0,
  isLogged: false,
  repairs: 0,
  events: 0,
  failed: 0,
  lostLines: 0,
});
