// Prometheus metrics of one process: mds_<component>_<name>_<unit>[_total]. Recorded per batch and never per event, with
// labels whose values are few and known (never an id of a client, channel or event).

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  /** @param name ends in `_total` */
  counter<Label extends string = never>(name: string, help: string, labels?: readonly Label[]): Counter<Label>;
  gauge<Label extends string = never>(name: string, help: string, labels?: readonly Label[]): Gauge<Label>;
  /** @param buckets upper bounds, ascending, in the unit that the name ends with */
  histogram<Label extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly Label[],
  ): Histogram<Label>;
}

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

/** @param component dashes become underscores: `control-plane` → `mds_control_plane_…` */
export function createMetrics(component: string): Metrics {
  const registry = new Registry();
  const prefix = `mds_${component.replaceAll('-', '_')}_`;
  collectDefaultMetrics({ register: registry, prefix });
  const common = <Label extends string>(name: string, help: string, labels: readonly Label[]) => {
    if (!NAME.test(name)) throw new RangeError(`"${name}" is not a metric name: lower case words with underscores`);
    return { name: prefix + name, help, labelNames: labels, registers: [registry] };
  };
  return {
    registry,
    counter: (name, help, labels = []) => {
      if (!name.endsWith('_total')) throw new RangeError(`the counter "${name}" must end in _total`);
      return new Counter(common(name, help, labels));
    },
    gauge: (name, help, labels = []) => {
      if (name.endsWith('_total')) throw new RangeError(`the gauge "${name}" must not end in _total`);
      return new Gauge(common(name, help, labels));
    },
    histogram: (name, help, buckets, labels = []) =>
      new Histogram({ ...common(name, help, labels), buckets: [...buckets] }),
  };
}
