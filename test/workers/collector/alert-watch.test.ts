import t from 'tap';
import { AlertWatch } from '../../../workers/collector/alert-watch.ts';
import type { Sample } from '../../../workers/collector/sample.ts';
import { aCpuReading, aSample } from './a-sample.ts';

const follow = (watch: AlertWatch, values: readonly number[]): Sample[] =>
  values.flatMap((value) => watch.alertsFor([aCpuReading(value)]));

t.test('a level that lasts three readings makes one alert', async (t) => {
  const alerts = follow(new AlertWatch(), [10, 95, 95, 95, 95, 95]);
  t.equal(alerts.length, 1);
  t.match(alerts[0], { kind: 'ALERT', name: 'cpu.usage', severity: 'WARNING', value: 95, labels: { core: 'all' } });
  t.equal(alerts[0]?.message, 'cpu.usage has been at WARNING level, now 95 %');
});

t.test('a spike of two readings alerts nobody', async (t) => {
  t.same(follow(new AlertWatch(), [10, 99, 99, 10, 99, 99, 10]), []);
});

t.test('being fine again for three readings makes an alert that says so', async (t) => {
  const alerts = follow(new AlertWatch(), [95, 95, 95, 50, 50, 50, 50]);
  t.same(
    alerts.map(({ severity }) => severity),
    ['WARNING', 'INFO'],
  );
  t.equal(alerts[1]?.message, 'cpu.usage is back to normal at 50 %');
});

t.test('getting worse makes a further alert', async (t) => {
  const severities = follow(new AlertWatch(), [95, 95, 95, 99, 99, 99]).map(({ severity }) => severity);
  t.same(severities, ['WARNING', 'ERROR']);
});

t.test('each series is followed by itself', async (t) => {
  const watch = new AlertWatch();
  const rounds = [0, 1, 2].flatMap(() => watch.alertsFor([aCpuReading(95, '0'), aCpuReading(10, '1')]));
  t.same(
    rounds.map(({ labels }) => labels),
    [{ core: '0' }],
  );
});

t.test('a reading without unit is told without one, and other kinds than metrics are left alone', async (t) => {
  const watch = new AlertWatch();
  const load = aSample({ name: 'load.per_core', value: 2.5, unit: '1', severity: 'WARNING' });
  const alerts = [1, 2, 3].flatMap(() => watch.alertsFor([load, aSample({ kind: 'HEALTH', severity: 'CRITICAL' })]));
  t.same(
    alerts.map(({ message }) => message),
    ['load.per_core has been at WARNING level, now 2.5'],
  );
});

t.test('series that are never seen again are forgotten in the end', async (t) => {
  const watch = new AlertWatch();
  follow(watch, [95, 95, 95]);
  watch.alertsFor(Array.from({ length: 5000 }, (_, core) => aCpuReading(10, String(core))));
  t.equal(follow(watch, [95, 95, 95]).length, 1, 'the alert is given again, as for a new series');
});
