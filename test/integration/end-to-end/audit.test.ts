// The delivery audit on real parts: what edges give out is sampled, read from Kafka again, judged by the plain model, and
// shown in the status.

import t from 'tap';
import { closeAll } from '../harness/close-all.ts';
import { startEventStream } from '../harness/event-stream.ts';
import { LibrarySubscriber } from '../harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA } from '../harness/measurement.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

const TIMEOUT_MS = 60_000;
const FILTERS = ['level >= HIGH', 'labels["region"] == "eu-west"', ''] as const;

interface Reliability {
  readonly ranges: number;
  readonly exactRanges: number;
  readonly expectedEvents: number;
  readonly missingEvents: number;
  readonly unexpectedEvents: number;
  readonly deliveryRatio: number | null;
  readonly isMet: boolean | null;
}

t.setTimeout(120_000);

t.test('ranges of live channels are judged, and found exact', async (t) => {
  const service = await startService(t, { env: { MDS_EDGE_AUDIT_INTERVAL_MS: '200' } });
  const topic = await service.createTopic({ name: 'audited', partitions: 2, schema: MEASUREMENT_SCHEMA });
  const subscribers = FILTERS.map(
    (filter) => new LibrarySubscriber({ connect: { url: service.edge(0).clientUrl }, topic: topic.name, filter }),
  );
  t.teardown(() => closeAll(subscribers));
  await Promise.all(subscribers.map((subscriber) => subscriber.open()));
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: 200 });
  t.teardown(() => stream.close());

  const audit = async (): Promise<Reliability> =>
    (await service.api.get<{ readonly reliability: Reliability }>('/v1/status')).reliability;
  await until(
    'some ranges to be judged',
    TIMEOUT_MS,
    async () => {
      const { ranges, expectedEvents } = await audit();
      return ranges >= 3 && expectedEvents > 100;
    },
    audit,
  );
  await stream.stop();
  const found = await audit();
  t.comment(JSON.stringify(found));
  t.match(found, { missingEvents: 0, unexpectedEvents: 0, deliveryRatio: 1, isMet: true });
  t.equal(found.exactRanges, found.ranges);
});
