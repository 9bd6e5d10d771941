import t from 'tap';
import { createMetrics } from '../../platform/metrics.ts';

t.test('names get the component as prefix, with underscores', async (t) => {
  const metrics = createMetrics('stream-worker');
  metrics.counter('events_total', 'Events read').inc(3);
  metrics.gauge('lag_records', 'Records not read yet', ['topic']).set({ topic: 'a' }, 7);
  metrics.histogram('slab_seconds', 'Time in the kernel', [0.1, 1]).observe(0.5);
  metrics.histogram('frame_bytes', 'Bytes of a frame', [10], ['kind']).observe({ kind: 'live' }, 5);
  const text = await metrics.registry.metrics();
  t.match(text, 'mds_stream_worker_events_total 3');
  t.match(text, 'mds_stream_worker_lag_records{topic="a"} 7');
  t.match(text, 'mds_stream_worker_slab_seconds_bucket{le="1"} 1');
  t.match(text, 'mds_stream_worker_frame_bytes_bucket{le="10",kind="live"} 1');
  t.match(text, 'mds_stream_worker_nodejs_eventloop_lag_seconds');
});

t.test('two components do not share anything', async (t) => {
  const [first, second] = [createMetrics('one'), createMetrics('two')];
  first.counter('events_total', 'x').inc();
  t.notMatch(await second.registry.metrics(), 'events_total');
});

t.test('a name that breaks the naming scheme is refused', async (t) => {
  const metrics = createMetrics('edge');
  t.throws(() => metrics.counter('events', 'x'), RangeError);
  t.throws(() => metrics.gauge('events_total', 'x'), RangeError);
  for (const name of ['Events_total', 'events-total', '_total', 'events__total', 'événements_total']) {
    t.throws(() => metrics.counter(name, 'x'), RangeError, name);
  }
});

t.test('the same name twice is refused', async (t) => {
  const metrics = createMetrics('edge');
  metrics.gauge('clients', 'x');
  t.throws(() => metrics.gauge('clients', 'x'));
});
