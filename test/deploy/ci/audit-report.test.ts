// What make audit says.

import t from 'tap';
import { auditReport } from '../../../deploy/ci/audit-report.ts';

t.test('weaknesses are listed, the gravest first', async (t) => {
  const one = (name: string, severity: string, fixAvailable: boolean) => ({
    name,
    severity,
    range: '<2',
    fixAvailable,
  });
  const vulnerabilities = { a: one('a', 'low', true), b: one('b', 'critical', false) };
  t.equal(
    auditReport(JSON.stringify({ vulnerabilities })),
    'The registry knows of weaknesses in 2 packages:\ncritical  b <2, no fix yet\nlow       a <2, a fix is there',
  );
});

t.test('no weakness, a registry that does not answer, and no network are three things', async (t) => {
  t.match(auditReport('{"vulnerabilities":{}}'), /no weakness/);
  t.equal(
    auditReport('{"message":"405 Method Not Allowed"}'),
    'The registry answers no audit: 405 Method Not Allowed.',
  );
  t.match(auditReport('spawn npm ENOENT'), /answers no audit: spawn npm ENOENT/);
});
