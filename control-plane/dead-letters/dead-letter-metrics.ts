// What the leader measures of dead letters. Topics are labels only as far as they are few: the fullest ones have their own
// series, all others together are `other`.

import type { Metrics } from '../../platform/metrics.ts';
import { backlogByTopic, type TopicBacklog } from '../store/dead-letters.ts';
import type { Queryable } from '../store/queryable.ts';

const MAX_TOPIC_LABELS = 50;
/** More topics than this are not even counted. */
const MAX_TOPICS = 1000;
/** One aggregate over the dead ones; a dashboard looks every 15 s. */
const INTERVAL_MS = 10_000;
const OTHER = 'other';

export const createDeadLetterMetrics = (metrics: Metrics) => ({
  letters: metrics.gauge('dead_letters', 'Dead letters that nobody has dealt with; only the leader looks', ['topic']),
  oldest: metrics.gauge('dead_letters_oldest_age_seconds', 'Age of the oldest of them; only the leader looks', [
    'topic',
  ]),
  indexed: metrics.counter('dead_letters_indexed_total', 'Dead letters taken from the dead-letter topics'),
  unreadable: metrics.counter('dead_letters_unreadable_total', 'Records there that are no dead letters'),
  redrives: metrics.counter('dead_letter_redrives_total', 'Dead letters that were redriven, and what became of them', [
    'outcome',
  ]),
});
export type DeadLetterMetrics = ReturnType<typeof createDeadLetterMetrics>;

export class BacklogWatch {
  readonly #db: Queryable;
  readonly #metrics: DeadLetterMetrics;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(db: Queryable, metrics: DeadLetterMetrics) {
    this.#db = db;
    this.#metrics = metrics;
  }

  async look(nowMs = performance.now()): Promise<void> {
    if (nowMs - this.#lookedMs < INTERVAL_MS) return;
    this.#lookedMs = nowMs;
    const backlog = labelled(await backlogByTopic(this.#db, MAX_TOPICS), MAX_TOPIC_LABELS);
    this.#metrics.letters.reset();
    this.#metrics.oldest.reset();
    for (const { topic, letters, oldestSeconds } of backlog) {
      this.#metrics.letters.set({ topic }, letters);
      this.#metrics.oldest.set({ topic }, oldestSeconds);
    }
  }
}

/** @param topics fullest first @returns as many as there may be labels, the rest as one */
export function labelled(topics: readonly TopicBacklog[], maxLabels: number): TopicBacklog[] {
  if (topics.length <= maxLabels) return [...topics];
  const rest = topics.slice(maxLabels - 1);
  const letters = rest.reduce((sum, topic) => sum + topic.letters, 0);
  const oldestSeconds = Math.max(...rest.map((topic) => topic.oldestSeconds));
  return [...topics.slice(0, maxLabels - 1), { topic: OTHER, letters, oldestSeconds }];
}
