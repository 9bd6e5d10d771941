import t from 'tap';
import { nearestName } from '../../schemas/nearest-name.ts';

t.test('the nearest name is suggested', async (t) => {
  const names = ['severity', 'service', 'timestamp'];
  t.equal(nearestName('severty', names), 'severity');
  t.equal(nearestName('SEVERITY', names), 'severity');
  t.equal(nearestName('servcie', names), 'service');
});

t.test('nothing is suggested when nothing is near', async (t) => {
  t.equal(nearestName('xyz', ['severity']), undefined);
  t.equal(nearestName('', ['severity']), undefined);
  t.equal(nearestName('severity', []), undefined);
});
