// The numbers behind the page's charts.

import t from 'tap';
import { formatMs, formatRate, formatTime, formatValue } from '../../../client/page/format.ts';
import { Traffic, WINDOW_SECONDS } from '../../../client/page/traffic.ts';

const START_MS = 1_000_000_000;

t.test('each second has its events and its percentiles, seconds without events have none', (t) => {
  const traffic = new Traffic(START_MS, () => 0);
  for (let ms = 1; ms <= 100; ms++) traffic.add(START_MS, 1, ms);
  traffic.add(START_MS + 2500, 3, null);
  const { seconds, eventsPerSecond, p50Ms, p99Ms } = traffic.series(START_MS + 3000);
  t.equal(seconds.length, WINDOW_SECONDS);
  t.same(eventsPerSecond.slice(-3), [100, 0, 3]);
  t.equal(eventsPerSecond.at(-4), null, 'before the start nothing is known');
  t.same([p50Ms.at(-3), p99Ms.at(-3), p50Ms.at(-1)], [50, 99, null]);
  t.end();
});

t.test('what is older than the window is forgotten, and a reset forgets everything', (t) => {
  const traffic = new Traffic(START_MS, () => 0);
  traffic.add(START_MS, 5, 1);
  const laterMs = START_MS + (WINDOW_SECONDS + 10) * 1000;
  traffic.add(laterMs, 1, 1);
  traffic.add(laterMs - 5000, 1, 1);
  t.equal(
    traffic.series(laterMs + 1000).eventsPerSecond.reduce<number>((sum, n) => sum + (n ?? 0), 0),
    2,
    'a late event counts in the running second',
  );
  traffic.reset(laterMs);
  t.ok(traffic.series(laterMs).eventsPerSecond.every((n) => n === null));
  t.end();
});

t.test('a second keeps a bounded number of latencies', (t) => {
  const traffic = new Traffic(START_MS, () => 0.999);
  traffic.add(START_MS, 2000, 5);
  t.equal(traffic.series(START_MS + 1000).eventsPerSecond.at(-1), 2000);
  t.equal(traffic.series(START_MS + 1000).p50Ms.at(-1), 5);
  t.end();
});

t.test('numbers, times and values are written for people', (t) => {
  t.same([null, 1.26, 42.4, 1500, 20_000].map(formatMs), ['–', '1.3 ms', '42 ms', '1.5 s', '20 s']);
  t.same([0.25, 1234.5].map(formatRate), ['0.3/s', '1,235/s']);
  const time = formatTime(1_790_000_000_123_456);
  t.match(time, /^\d\d:\d\d:\d\d\.123$/);
  t.equal(formatTime(1_790_000_000_123), time);
  t.equal(formatTime('2026-09-21T14:13:20.123Z'), time);
  t.equal(formatTime('soon'), 'soon');
  t.same([null, 1.23456789, 'a', { b: [1, 2] }].map(formatValue), ['', '1.23457', 'a', 'b=1 2']);
  t.end();
});
