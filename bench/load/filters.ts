// The filters of the load suites: CEL for the service, and the same as a plain test for whoever checks what it delivered.

import {
  hostName,
  type LoadEvent,
  type LoadShape,
  MAX_VALUE,
  podName,
  SEVERE_SHARE,
  SEVERITIES,
  serviceName,
} from './events.ts';

export interface LoadFilter {
  readonly cel: string;
  readonly wants: (event: LoadEvent) => boolean;
}

/** One that every event passes, and that is looked at all the same. */
export const EVERYTHING: LoadFilter = { cel: 'tenant == "acme"', wants: ({ tenant }) => tenant === 'acme' };

const isSevere = ({ severity }: LoadEvent): boolean => SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf('ERROR');

/**
 * Filter i of many different ones, each for one event in `cardinality`: what dashboards and on-call tools ask for.
 * Four in ten name a host, three a service in trouble, two a pod, one a range of values.
 */
export function distinctFilter(i: number, { cardinality }: LoadShape): LoadFilter {
  const turn = i % 10;
  const number = Math.floor(i / 10);
  if (turn < 4) {
    const host = hostName((number * 4 + turn) % cardinality);
    return { cel: `host == "${host}"`, wants: (event) => event.host === host };
  }
  if (turn < 7) {
    const services = Math.max(1, Math.round(cardinality * SEVERE_SHARE));
    const service = serviceName((number * 3 + turn - 4) % services);
    return {
      cel: `service == "${service}" && severity >= ERROR`,
      wants: (event) => event.service === service && isSevere(event),
    };
  }
  if (turn < 9) {
    const pod = podName((number * 2 + turn - 7) % cardinality);
    return { cel: `labels["pod"] == "${pod}"`, wants: (event) => event.labels.pod === pod };
  }
  const width = MAX_VALUE / cardinality;
  const low = Number(((number % cardinality) * width).toFixed(6));
  const high = Number((low + width).toFixed(6));
  return {
    cel: `value >= ${low.toFixed(6)} && value < ${high.toFixed(6)}`,
    wants: ({ value }) => value !== null && value >= low && value < high,
  };
}
