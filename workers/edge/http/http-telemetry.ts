// The metrics of the HTTP door.

import type { Metrics } from '../../../platform/metrics.ts';

/** Where the events of a poll came from: its subscription was kept, is new at a token, or is new and begins now. */
export type PollStart = 'kept' | 'replayed' | 'new';

export class HttpTelemetry {
  readonly #requests;
  readonly #ended;
  readonly #polls;
  readonly #polledEvents;
  readonly #lingering;

  constructor(metrics: Metrics) {
    this.#requests = metrics.counter('http_answers_total', 'Answers of the HTTP door; a stream counts when it begins', [
      'route',
      'status',
    ]);
    this.#ended = metrics.counter('http_streams_ended_total', 'Event streams that the edge ended, by reason', ['code']);
    this.#polls = metrics.counter('http_polls_total', 'Long polls, by where their subscription came from', ['start']);
    this.#polledEvents = metrics.counter('http_polled_events_total', 'Events in answers to long polls');
    this.#lingering = metrics.gauge('http_lingering_polls', 'Subscriptions of pollers kept for their next poll');
  }

  onAnswer(route: string, status: number): void {
    this.#requests.inc({ route, status: String(status) });
  }

  /** @param code of the closed list of errors */
  onStreamEnded(code: string): void {
    this.#ended.inc({ code });
  }

  onPoll(start: PollStart): void {
    this.#polls.inc({ start });
  }

  onPolled(eventCount: number): void {
    this.#polledEvents.inc(eventCount);
  }

  setLingering(count: number): void {
    this.#lingering.set(count);
  }
}
