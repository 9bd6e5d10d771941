import t from 'tap';
import type { ProbeResult } from '../../../workers/collector/service-probe.ts';
import { ServiceWatch } from '../../../workers/collector/service-watch.ts';

const aResult = (healthy: boolean, instance = 'e1'): ProbeResult => ({
  target: { service: 'edge', instance, via: 'http', url: 'http://127.0.0.1:1/readyz' },
  healthy,
  tookMs: 4,
  reason: healthy ? null : 'refused',
});

const kindsOf = (watch: ServiceWatch, results: readonly ProbeResult[]): string[] =>
  watch.samplesFor(results).map(({ kind, name, severity }) => `${kind} ${name} ${severity}`);

const FINE = ['HEALTH service.health INFO', 'METRIC service.response_time INFO'];
const BAD = ['HEALTH service.health ERROR', 'METRIC service.response_time INFO'];

t.test('every look gives the health and the response time', async (t) => {
  const samples = new ServiceWatch().samplesFor([aResult(true)]);
  t.match(samples, [
    { kind: 'HEALTH', service: 'edge', value: 1, labels: { instance: 'e1' }, message: null },
    { kind: 'METRIC', name: 'service.response_time', value: 4, unit: 'ms' },
  ]);
});

t.test('two failed looks in a row make one alert, and the first good one ends it', async (t) => {
  const watch = new ServiceWatch();
  t.same(kindsOf(watch, [aResult(true)]), FINE);
  t.same(kindsOf(watch, [aResult(false)]), BAD);
  t.same(kindsOf(watch, [aResult(false)]), [...BAD, 'ALERT service.health CRITICAL']);
  t.same(kindsOf(watch, [aResult(false)]), BAD);
  t.same(kindsOf(watch, [aResult(true)]), [...FINE, 'ALERT service.health INFO']);
  t.same(kindsOf(watch, [aResult(true)]), FINE);
});

t.test('the alert says which service and why', async (t) => {
  const watch = new ServiceWatch();
  watch.samplesFor([aResult(false)]);
  const alert = watch.samplesFor([aResult(false)]).find(({ kind }) => kind === 'ALERT');
  t.match(alert, { message: 'edge (e1) is not healthy: refused', labels: { instance: 'e1' } });
});

t.test('a service that appears or leaves after the first look is a change', async (t) => {
  const watch = new ServiceWatch();
  t.same(kindsOf(watch, [aResult(true)]), FINE);
  t.same(kindsOf(watch, [aResult(true), aResult(true, 'e2')]), [...FINE, ...FINE, 'CHANGE service.started NOTICE']);
  t.same(kindsOf(watch, [aResult(true, 'e2')]), [...FINE, 'CHANGE service.stopped NOTICE']);
  t.same(kindsOf(watch, [aResult(true, 'e2')]), FINE);
});
