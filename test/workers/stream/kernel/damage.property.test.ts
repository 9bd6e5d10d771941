// Damaged records: each is decoded exactly as the reference decoder does, or is one counted reject; the records around it
// are delivered, nothing is thrown, and nothing takes long.

import t from 'tap';
import { damage } from '../../../fuzz/kernel-targets.ts';
import { assertHolds } from '../../../fuzz/property.ts';
import { checkCase } from './check-case.ts';
import { aMonitoringEvent, everyDamageOf } from './damaged-events.ts';

const RECORDS = 15_000;

t.test('a record that was cut, turned or spliced is read as the reference reads it, or is one reject', async (t) => {
  assertHolds(t, damage, RECORDS);
});

for (const form of ['single', 'batch'] as const) {
  t.test(`a ${form} record is rejected or read right at every cut and with every bit turned`, async (t) => {
    const { matches, rejects } = checkCase(everyDamageOf(aMonitoringEvent(), form));
    t.ok(
      matches > 0,
      `${matches} were still events; rejects: ${[...rejects].map((entry) => entry.join(' ')).join(', ')}`,
    );
  });
}
