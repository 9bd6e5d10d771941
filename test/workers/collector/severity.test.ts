import t from 'tap';
import { metric } from '../../../workers/collector/sample.ts';
import { isAtLeast, judged, severityOf } from '../../../workers/collector/severity.ts';
import { aSample } from './a-sample.ts';

t.test('a reading gets the severity of the highest threshold it has reached', async (t) => {
  t.equal(severityOf('disk.usage', 79.9), 'INFO');
  t.equal(severityOf('disk.usage', 80), 'WARNING');
  t.equal(severityOf('disk.usage', 90), 'ERROR');
  t.equal(severityOf('disk.usage', 98), 'CRITICAL');
});

t.test('a metric without thresholds is informative only', async (t) => {
  t.equal(severityOf('network.received', 1e12), 'INFO');
});

t.test('only metrics with a value are judged', async (t) => {
  t.equal(judged(metric('memory.usage', 96, '%')).severity, 'CRITICAL');
  const quiet = metric('memory.usage', 10, '%');
  t.equal(judged(quiet), quiet);
  const health = aSample({ kind: 'HEALTH', name: 'memory.usage', value: 99, severity: 'ERROR' });
  t.equal(judged(health).severity, 'ERROR');
  t.equal(judged(aSample({ value: null })).severity, 'INFO');
});

t.test('severities are ordered', async (t) => {
  t.ok(isAtLeast('CRITICAL', 'WARNING'));
  t.ok(isAtLeast('WARNING', 'WARNING'));
  t.notOk(isAtLeast('NOTICE', 'WARNING'));
});
