import t from 'tap';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { Channel } from '../../../workers/edge/channel.ts';
import { ChannelTable } from '../../../workers/edge/channel-table.ts';
import { anEnvelope } from './gathering.ts';

const TOPIC: CatalogTopic = {
  topicId: 1,
  tenant: 'default',
  name: 't',
  kafkaTopic: 'default.t',
  deadLetterTopic: 'default.dead-letter',
  partitions: 1,
  schemaId: 1,
  schema: '{}',
};
const PLAN = { v: 1, filter: '', fields: null, format: 'json', inputs: [] } as const;
const aChannel = (id: string): Channel => new Channel(id, TOPIC, PLAN, 0);

/** Two ids of which the first quarter is the same, and one that has nothing of them. */
const [TWIN, OTHER_TWIN, STRANGER] = [
  'f'.repeat(32),
  `${'f'.repeat(8)}${'0'.repeat(24)}`,
  '1234567890abcdef'.repeat(2),
];

function find(table: ChannelTable, id: string): string | null {
  const envelope = anEnvelope([], { channels: [{ channel: id, refs: [] }] });
  return table.find(envelope, envelope.channelsAt)?.id ?? null;
}

t.test('channels are found by the bytes of their id, even when these begin alike', async (t) => {
  const table = new ChannelTable();
  for (const id of [TWIN, OTHER_TWIN, STRANGER]) {
    t.equal(find(table, id), null);
    table.add(aChannel(id));
  }
  for (const id of [TWIN, OTHER_TWIN, STRANGER]) t.equal(find(table, id), id);
  t.equal(table.get(TWIN)?.id, TWIN);
  t.equal(table.size, 3);
});

t.test('a channel that was deleted is found no more, the others are', async (t) => {
  const table = new ChannelTable();
  for (const id of [TWIN, OTHER_TWIN, STRANGER]) table.add(aChannel(id));
  for (const id of [OTHER_TWIN, TWIN, STRANGER]) {
    const channel = table.get(id);
    if (channel) table.delete(channel);
    t.equal(find(table, id), null);
    t.equal(table.get(id), undefined);
    t.same(
      [...table.values()].map((left) => find(table, left.id)),
      [...table.values()].map((left) => left.id),
    );
  }
  t.equal(table.size, 0);
  table.delete(aChannel(TWIN));
});
