// Follows the health of each service from one look to the next. Every look gives a HEALTH event and its response time;
// a service that stops or starts being healthy gives an ALERT, one that appears or leaves gives a CHANGE.

import { metric, type Sample } from './sample.ts';
import type { ProbeResult } from './service-probe.ts';

/** 2: one look that fails while a process restarts its listener is not an outage. */
const FAILURES_UNTIL_ALERT = 2;

interface ServiceState {
  readonly service: string;
  readonly instance: string;
  failures: number;
  alerted: boolean;
}

export class ServiceWatch {
  readonly #states = new Map<string, ServiceState>();
  #isFirstLook = true;

  /** @param results one for every service that is there now; those of the last look that are missing have left */
  samplesFor(results: readonly ProbeResult[]): Sample[] {
    const samples = results.flatMap((result) => this.#follow(result));
    const present = new Set(results.map(({ target }) => keyOf(target)));
    for (const [key, state] of this.#states) {
      if (present.has(key)) continue;
      this.#states.delete(key);
      samples.push(change('service.stopped', state, `${nameOf(state)} is no longer there`));
    }
    this.#isFirstLook = false;
    return samples;
  }

  #follow(result: ProbeResult): Sample[] {
    const samples = readingsOf(result);
    const key = keyOf(result.target);
    let state = this.#states.get(key);
    if (!state) {
      state = { service: result.target.service, instance: result.target.instance, failures: 0, alerted: false };
      this.#states.set(key, state);
      if (!this.#isFirstLook) samples.push(change('service.started', state, `${nameOf(state)} has appeared`));
    }
    state.failures = result.healthy ? 0 : state.failures + 1;
    const isDown = state.failures >= FAILURES_UNTIL_ALERT;
    if (isDown !== state.alerted) {
      state.alerted = isDown;
      samples.push(healthAlert(state, result));
    }
    return samples;
  }
}

const keyOf = ({ service, instance }: { service: string; instance: string }): string => `${service} ${instance}`;
const nameOf = ({ service, instance }: { service: string; instance: string }): string => `${service} (${instance})`;

function readingsOf({ target, healthy, tookMs, reason }: ProbeResult): Sample[] {
  const labels = { instance: target.instance };
  return [
    {
      kind: 'HEALTH',
      name: 'service.health',
      service: target.service,
      value: healthy ? 1 : 0,
      unit: '1',
      severity: healthy ? 'INFO' : 'ERROR',
      labels,
      message: healthy ? null : `${nameOf(target)} is not healthy: ${reason}`,
    },
    metric('service.response_time', tookMs, 'ms', labels, target.service),
  ];
}

function healthAlert(state: ServiceState, { reason }: ProbeResult): Sample {
  return {
    kind: 'ALERT',
    name: 'service.health',
    service: state.service,
    value: state.alerted ? 0 : 1,
    unit: '1',
    severity: state.alerted ? 'CRITICAL' : 'INFO',
    labels: { instance: state.instance },
    message: state.alerted ? `${nameOf(state)} is not healthy: ${reason}` : `${nameOf(state)} is healthy again`,
  };
}

function change(name: string, state: ServiceState, message: string): Sample {
  return {
    kind: 'CHANGE',
    name,
    service: state.service,
    value: null,
    unit: '',
    severity: 'NOTICE',
    labels: { instance: state.instance },
    message,
  };
}
