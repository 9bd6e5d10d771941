// What workers and edges are told about topics.

import t from 'tap';
import { catalogOf } from '../../../control-plane/topics/catalog.ts';
import { CatalogTopic, readMessage } from '../../../schemas/coordination.ts';
import { aTopicRow } from '../builders.ts';

t.test('a ready topic is in the catalog, readable by its readers', async (t) => {
  const text = catalogOf([aTopicRow()], new Set()).get('1') ?? '';
  t.match(readMessage(CatalogTopic, text), {
    topicId: 1,
    name: 'orders',
    kafkaTopic: 'default.orders',
    deadLetterTopic: 'default.dead-letter',
    partitions: 2,
    schemaId: 5,
  });
});

t.test('a topic that is being created is not, one that is being deleted is until its owners let go', async (t) => {
  const creating = aTopicRow({ topicId: 2, state: 'creating', schemaId: null });
  const deleting = aTopicRow({ topicId: 3, state: 'deleting' });
  t.same([...catalogOf([creating, deleting], new Set()).keys()], []);
  t.same([...catalogOf([creating, deleting], new Set([2, 3])).keys()], ['3']);
});
