import t from 'tap';
import type { ReadyTopic } from '../../../control-plane/store/topics.ts';
import { TopicDescriber } from '../../../control-plane/topics/topic-describer.ts';
import { aTopicRow } from '../builders.ts';
import { InMemoryKafka, InMemorySchemas, InMemoryTopicSettings } from '../stand-ins.ts';

const TOPIC: ReadyTopic = { ...aTopicRow(), state: 'ready', schemaId: 1, batchSchemaId: 2 };

async function setUp() {
  const [kafka, settings, schemas] = [new InMemoryKafka(), new InMemoryTopicSettings(), new InMemorySchemas()];
  await schemas.register('default.orders-value', '{}');
  return { settings, describer: new TopicDescriber({ kafka, settings, schemas }) };
}

t.test('a topic is described with its sizes, versions and what does not fit', async (t) => {
  const { settings, describer } = await setUp();
  await settings.setRetention('default.orders', 5);
  const described = await describer.describe(TOPIC);
  t.match(described, { sizeBytes: 200, versions: [{ version: 1, schemaId: 1, isCurrent: true }] });
  t.match(described.problems, [/Kafka keeps it for 5 ms, and not for 60000 ms/]);
});

t.test('what Kafka does not tell is null and said once', async (t) => {
  const { settings, describer } = await setUp();
  settings.isAway = true;
  const described = await describer.describe(TOPIC);
  t.match(described, { sizeBytes: null, inKafka: { retentionMs: null }, partitions: [{ sizeBytes: null }, {}] });
  t.equal(described.problems.length, 1);
});
