import { Redis } from 'ioredis';
import t from 'tap';
import { Explanations } from '../../../control-plane/explain/explanations.ts';
import { createLogger } from '../../../platform/log.ts';
import { redisKeys } from '../../../schemas/coordination.ts';

t.test('with Redis away the answer says so, and nobody has to catch anything', async (t) => {
  const redis = new Redis('redis://127.0.0.1:1', { lazyConnect: true, enableOfflineQueue: false });
  t.teardown(() => redis.disconnect());
  const log = createLogger('control', 'silent');
  const explanations = new Explanations({
    redis,
    answers: redis,
    keys: redisKeys('t'),
    replyTo: 'cp',
    sharedNow: () => 0,
    log,
  });
  const answer = await explanations.ask('default', { topicId: 1, channel: '0'.repeat(32), plan: {}, events: 10 });
  t.match(answer, { found: [], measured: null, problem: { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /Redis/ } });
});
