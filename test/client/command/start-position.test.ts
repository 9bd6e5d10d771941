import t from 'tap';
import { pointInTime, startPosition } from '../../../client/command/start-position.ts';

const NOON = Date.parse('2026-01-31T12:00:00Z');

t.test('a place is a word, a time, a time ago, or else a token', (t) => {
  t.equal(startPosition('earliest', NOON), 'earliest');
  t.equal(startPosition('latest', NOON), 'latest');
  t.same(startPosition('15m', NOON), { time: '2026-01-31T11:45:00.000Z' });
  t.same(startPosition('2026-01-31T12:00:00+01:00', NOON), { time: '2026-01-31T11:00:00.000Z' });
  t.same(startPosition('2026-01-31', NOON), { time: '2026-01-31T00:00:00.000Z' });
  t.same(startPosition('2026-13-31T00:00:00Z', NOON), { time: '2026-13-31T00:00:00Z' }, 'for the service to refuse');
  t.same(startPosition('AQIBAAE', NOON), { token: 'AQIBAAE' });
  t.end();
});

t.test('a point in time may be told from now', (t) => {
  t.equal(pointInTime('2h', NOON), '2026-01-31T10:00:00.000Z');
  t.equal(pointInTime('2026-01-31T12:00:00Z', 0), '2026-01-31T12:00:00.000Z');
  t.equal(pointInTime('yesterday', NOON), 'yesterday');
  t.end();
});
