// A client that asks for a topic which this edge has not heard of yet gets it; only a topic that is not in Redis is refused.
// So does one whose token knows more partitions than the edge.

import t from 'tap';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { SubscribeMessage } from '../../../schemas/frames.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';
import type { AskingClient, ClientSubscription } from '../../../workers/edge/client.ts';
import type { Delivery } from '../../../workers/edge/delivery.ts';
import type { OverflowDoor } from '../../../workers/edge/overflow/overflow-door.ts';
import { readResumePosition } from '../../../workers/edge/resume-position.ts';
import { SubscriptionDoor } from '../../../workers/edge/subscription-door.ts';

const MESSAGE: SubscribeMessage = { type: 'subscribe', id: 's', topic: 'new' };

/** A door behind which the topic is unknown until `learn` was called, and a client that notes what it is told. */
function aDoor() {
  const looks: ((couldRead: boolean) => void)[] = [];
  const told: string[] = [];
  const charged: string[] = [];
  let isKnown = false;
  let endedCount = 0;
  const subscription: ClientSubscription = {
    id: 's',
    isEnded: false,
    wantsRoom: true,
    view: () => {
      throw new Error('nobody looks at it');
    },
    advance: () => {},
    recheck: () => {},
    end: () => {
      endedCount += 1;
    },
  };
  const client = {
    charge: (id: string, cost: number) => void charged.push(`${id} ${cost}`),
    refuse: (id: string, error: unknown) => void told.push(`${id} ${error instanceof MdsError ? error.code : error}`),
    onSubscriptionEnded: ({ id }: { readonly id: string }) => void told.push(`${id} ended`),
  };
  const delivery = {
    readingOf: () => {
      if (!isKnown) throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'new', hint: '' });
      return { plan: { cost: 7 } };
    },
    subscribe: () => subscription,
  };
  const door = new SubscriptionDoor({
    delivery: delivery as unknown as Delivery, // nothing else of it is used here
    overflow: { subscribe: () => null } as unknown as OverflowDoor,
    consume: () => subscription,
    lookAnew: () => new Promise((resolve) => looks.push(resolve)),
  });
  return {
    told,
    charged,
    endedCount: () => endedCount,
    learn: () => {
      isKnown = true;
    },
    subscribe: () => door.subscribe(client as unknown as AskingClient, MESSAGE),
    looked: async (couldRead: boolean) => {
      for (const resolve of looks.splice(0)) resolve(couldRead);
      await new Promise(setImmediate);
    },
  };
}

t.test('a topic that was created a moment ago is subscribed when the catalog was read', async (t) => {
  const door = aDoor();
  const subscription = door.subscribe();
  t.equal(subscription.wantsRoom, false, 'it has not begun');
  door.learn();
  await door.looked(true);
  t.equal(subscription.wantsRoom, true, 'it has begun');
  t.same(door.told, []);
  t.same(door.charged, ['s 7'], 'what its filter costs is counted before it begins');
  subscription.end();
  t.equal(door.endedCount(), 1);
});

t.test('a topic that Redis does not know is refused', async (t) => {
  const door = aDoor();
  const subscription = door.subscribe();
  await door.looked(true);
  t.same(door.told, ['s ended', 's MDS_TOPIC_UNKNOWN']);
  t.ok(subscription.isEnded);
});

t.test('while Redis cannot be read nobody is told that a topic does not exist', async (t) => {
  const door = aDoor();
  door.subscribe();
  await door.looked(false);
  t.same(door.told, ['s ended', 's MDS_DEPENDENCY_UNAVAILABLE']);
});

t.test('a client that has left meanwhile begins nothing', async (t) => {
  const door = aDoor();
  const subscription = door.subscribe();
  subscription.end();
  door.learn();
  await door.looked(true);
  t.equal(subscription.wantsRoom, false);
  t.same(door.told, []);
});

t.test(
  'a token is not resumed without the positions that it has in partitions of which the edge has not heard',
  (t) => {
    // Simulation, seed 930: an edge that had missed the growth of a topic forgot where its client was in two partitions.
    const position = new Map([0, 1, 2].map((partition) => [partition, { offset: 5, index: 0 }]));
    const token = encodeResumeToken({ topicId: 7, position });
    const topic = { topicId: 7, name: 'grown', partitions: 2 } as CatalogTopic; // nothing else of it is read
    t.throws(() => readResumePosition(token, topic), { code: 'MDS_TOPIC_BEHIND', retryable: true });
    t.same(readResumePosition(token, { ...topic, partitions: 3 }), position);
    t.end();
  },
);
