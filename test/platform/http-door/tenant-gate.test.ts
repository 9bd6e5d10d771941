// The gate that keeps one tenant's flood from others.

import t from 'tap';
import { TenantGate } from '../../../platform/http-door/tenant-gate.ts';

t.test('so many of a tenant run, the next ones wait in order, and too many are refused', async (t) => {
  const gate = new TenantGate({ running: 2, waiting: 2 });
  const [a, b] = [gate.enter('acme'), gate.enter('acme')];
  t.notOk(a instanceof Promise || b instanceof Promise, 'at once');
  const order: string[] = [];
  const waiting = ['first', 'second'].map(async (name) => {
    const leave = await gate.enter('acme');
    order.push(name);
    return leave;
  });
  t.throws(() => gate.enter('acme'), { code: 'MDS_RATE_LIMITED', message: /4 requests of this tenant at once/ });
  t.notOk(gate.enter('globex') instanceof Promise, "another tenant's is not in that line");
  if (typeof a === 'function') {
    a();
    a(); // once more changes nothing
  }
  const leaveFirst = await waiting[0];
  t.same(order, ['first']);
  leaveFirst?.();
  await waiting[1];
  t.same(order, ['first', 'second']);
});
