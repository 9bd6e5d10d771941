// Turns a series of judged metrics into alerts: one when a series has been at WARNING or worse for a while, one when it
// has been fine again for a while. Holding for some samples keeps a value that dances on a threshold from paging people.

import { type Sample, seriesOf } from './sample.ts';
import { isAtLeast, type Severity } from './severity.ts';

/** 3: with one sample a second, a spike shorter than three seconds alerts nobody. */
const HOLD_SAMPLES = 3;
/** Series of processes and interfaces that vanished must not stay for ever. */
const MAX_SERIES = 4096;

interface SeriesState {
  announced: Severity;
  candidate: Severity;
  seen: number;
}

export class AlertWatch {
  readonly #series = new Map<string, SeriesState>();

  /** @returns the alerts that these samples, one round of them, give rise to */
  alertsFor(samples: readonly Sample[]): Sample[] {
    const alerts: Sample[] = [];
    for (const sample of samples) {
      if (sample.kind !== 'METRIC') continue;
      const alert = this.#follow(sample);
      if (alert) alerts.push(alert);
    }
    return alerts;
  }

  #follow(sample: Sample): Sample | null {
    const level = alertLevel(sample.severity);
    const key = seriesOf(sample);
    const state = this.#series.get(key) ?? { announced: 'INFO', candidate: 'INFO', seen: 0 };
    this.#remember(key, state);
    if (level !== state.candidate) {
      state.candidate = level;
      state.seen = 0;
    }
    state.seen += 1;
    if (state.candidate === state.announced || state.seen < HOLD_SAMPLES) return null;
    state.announced = state.candidate;
    return alertOf(sample, state.announced);
  }

  /** Least recently seen first, so that the oldest is the one that goes. */
  #remember(key: string, state: SeriesState): void {
    this.#series.delete(key);
    this.#series.set(key, state);
    if (this.#series.size <= MAX_SERIES) return;
    const [oldest] = this.#series.keys();
    if (oldest !== undefined) this.#series.delete(oldest);
  }
}

/** Below WARNING everything counts as fine. */
const alertLevel = (severity: Severity): Severity => (isAtLeast(severity, 'WARNING') ? severity : 'INFO');

function alertOf(sample: Sample, severity: Severity): Sample {
  const reading = `${Math.round((sample.value ?? 0) * 100) / 100}${sample.unit === '1' ? '' : ` ${sample.unit}`}`;
  const message =
    severity === 'INFO' ? `is back to normal at ${reading}` : `has been at ${severity} level, now ${reading}`;
  return { ...sample, kind: 'ALERT', severity, message: `${sample.name} ${message}` };
}
