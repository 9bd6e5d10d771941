// A topic that was created a moment ago is found by whoever asks for it, at every process that keeps a copy of the catalog.

import EventEmitter from 'node:events';
import t, { type Test } from 'tap';
import { createLogger } from '../../platform/log.ts';
import { TopicCatalog } from '../../platform/topic-catalog.ts';
import { redisKeys } from '../../schemas/coordination.ts';
import { TopicReaders } from '../../workers/ingest/topic-readers.ts';
import { aTopic } from '../workers/ingest/an-ingest-topic.ts';

const log = createLogger('test', 'silent');
const keys = redisKeys('test');

/** Redis as a copy of the catalog sees it: it counts how often it was read, and says nothing of a change by itself. */
function aRedis() {
  const held = new Map<string, string>();
  const world = { readings: 0, isAway: false };
  const hgetall = async (): Promise<Record<string, string>> => {
    world.readings += 1;
    if (world.isAway) throw new Error('connection lost');
    return Object.fromEntries(held);
  };
  const add = (name: string): unknown => held.set(name, JSON.stringify(aTopic({ name })));
  const notices = Object.assign(new EventEmitter(), { subscribe: async () => 1, status: 'ready' });
  return { redis: { hgetall } as never, notices: notices as never, world, add, held };
}

type Stage = ReturnType<typeof aRedis> & { readonly nameOf: (topic: string) => Promise<string> };

const COPIES: Readonly<Record<string, (t: Test) => Promise<Stage>>> = {
  'the catalog of the query process': async (t) => {
    const stage = aRedis();
    const catalog = new TopicCatalog({ redis: stage.redis, keys, log });
    t.teardown(() => catalog.stop());
    stage.add('old');
    await catalog.start(stage.notices);
    return { ...stage, nameOf: async (topic) => (await catalog.named('default', topic)).name };
  },
  'the topics of the ingest doors': async (t) => {
    const stage = aRedis();
    const topics = new TopicReaders({ redis: stage.redis, keys, log, maxEvents: 10 });
    t.teardown(() => topics.stop());
    stage.add('old');
    await topics.start(stage.notices);
    return { ...stage, nameOf: async (topic) => (await topics.named('default', topic)).topic.name };
  },
};

for (const [copy, begin] of Object.entries(COPIES)) {
  t.test(`${copy}: what was created a moment ago is known, though its notice was lost`, async (t) => {
    const { add, world, nameOf } = await begin(t);
    add('new');
    t.equal(await nameOf('new'), 'new');
    t.equal(world.readings, 2);
    t.equal(await nameOf('old'), 'old');
    t.equal(world.readings, 2, 'what is known is not looked up');
  });

  t.test(`${copy}: only what Redis does not hold is unknown, and asking for it costs few readings`, async (t) => {
    const { world, nameOf } = await begin(t);
    await t.rejects(nameOf('olt'), { code: 'MDS_TOPIC_UNKNOWN', details: { didYouMean: 'old' } });
    const asked = Array.from({ length: 100 }, () => t.rejects(nameOf('none'), { code: 'MDS_TOPIC_UNKNOWN' }));
    await Promise.all(asked);
    t.equal(world.readings, 3, 'the hundred share one');
  });

  t.test(`${copy}: while nobody can look, a topic is not called unknown`, async (t) => {
    const { world, held, nameOf } = await begin(t);
    world.isAway = true;
    await t.rejects(nameOf('new'), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
    t.equal(await nameOf('old'), 'old', 'what was known serves on');
    world.isAway = false;
    held.clear();
    await t.rejects(nameOf('new'), { code: 'MDS_DEPENDENCY_UNAVAILABLE' }, 'nor while Redis has forgotten them all');
  });
}
