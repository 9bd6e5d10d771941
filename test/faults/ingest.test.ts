// A sender that repeats what it got no answer for, while the ingest doors it sends to are killed: Kafka has every event
// once.

import t from 'tap';
import type { TopicInfo } from '../integration/harness/rest-client.ts';
import { startService } from '../integration/harness/service.ts';
import { readEvents } from '../integration/harness/topic-events.ts';
import { until } from '../integration/harness/until.ts';

const SCHEMA = {
  type: 'record',
  name: 'Fact',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'host', type: 'string' },
  ],
} as const;
const BATCHES = 120;
const BATCH_EVENTS = 50;
const KILLS = 4;
/** Claims of a killed door run out after 25 s. */
const SENT_TIMEOUT_MS = 90_000;
const RETRY_MS = 300;

t.setTimeout(240_000);

t.test('doors are killed in the middle of requests: every event stands in Kafka once', async (t) => {
  const service = await startService(t, { workers: 0, edges: 0 });
  const name = `facts-${service.namespace.id}`;
  const topic = await service.api.createTopic({ name, partitions: 2, schema: SCHEMA });
  const doors = [await service.addIngest(), await service.addIngest()];
  await Promise.all(doors.map((door) => door.start()));
  await until('the door to know the topic', SENT_TIMEOUT_MS, async () => {
    const answer = await post(doors[0]?.httpUrl ?? '', topic, []);
    return answer !== null;
  });

  let repeats = 0;
  let sentBatches = 0;
  const sendAll = (async () => {
    for (let batch = 0; batch < BATCHES; batch++) {
      let left = Array.from({ length: BATCH_EVENTS }, (_, i) => ({ id: `${batch}-${i}`, host: `h${i % 7}` }));
      for (let attempt = 0; left.length > 0; attempt++) {
        const door = doors[(batch + attempt) % doors.length];
        const results = await post(door?.httpUrl ?? '', topic, left);
        if (results !== null) left = left.filter((_event, index) => results[index]?.status === 'failed');
        if (left.length === 0) break;
        repeats += 1;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
      sentBatches = batch + 1;
    }
  })();
  for (let kill = 0; kill < KILLS; kill++) {
    const target = ((kill + 1) * BATCHES) / (KILLS + 1);
    await until('some batches to be sent', SENT_TIMEOUT_MS, () => sentBatches >= target);
    const victim = doors[kill % doors.length];
    victim?.signal('SIGKILL');
    await victim?.ended();
    await victim?.start();
  }
  await sendAll;

  const stored = await readEvents<{ id: string }>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  const ids = stored.map(({ event }) => event.id);
  t.comment(
    `${BATCHES * BATCH_EVENTS} events, ${repeats} repeated requests, ${KILLS} kills, ${ids.length} events in Kafka`,
  );
  t.ok(repeats > 0, 'something had to be repeated');
  t.equal(ids.length, BATCHES * BATCH_EVENTS, 'as many in Kafka as were sent');
  t.equal(new Set(ids).size, BATCHES * BATCH_EVENTS, 'each of them another one');
});

/** @returns null when there was no answer, or none that says what became of the events */
async function post(
  url: string,
  topic: TopicInfo,
  events: readonly unknown[],
): Promise<readonly { readonly status: string }[] | null> {
  try {
    const answer = await fetch(`${url}/v1/topics/${topic.name}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
      signal: AbortSignal.timeout(20_000),
    });
    if (!answer.ok) return null;
    const { results }: { results: { status: string }[] } = await answer.json();
    return results;
  } catch {
    return null; // killed in the middle
  }
}
