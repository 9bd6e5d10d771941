// /v1/workers: stream workers, what they own, and keeping partitions away from one before it is taken away.

import { Type } from 'typebox';
import { ANYBODY, OPERATOR } from '../../../platform/http-door/access.ts';
import type { Redis } from '../../../platform/redis.ts';
import { CordonRequest, WorkerDetail, WorkerList } from '../../../schemas/api/worker.ts';
import type { RedisKeys, WorkerHeartbeat } from '../../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { type Identity, isOperator } from '../../../schemas/identity/identity.ts';
import { maySeeTopic } from '../../access/reading.ts';
import { readFleet } from '../../status/fleet.ts';
import { workersFor } from '../../status/status-view.ts';
import { cordonedWorkers, cordonWorker, uncordonWorkers } from '../../store/cordoned-workers.ts';
import type { Queryable } from '../../store/queryable.ts';
import { allTopics } from '../../store/topics.ts';
import { type App, problemsOf } from '../app.ts';

const tags = ['status'];
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });

export interface WorkerRouteParts {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** Makes the leader look at once, when it is this process. */
  readonly onChange: () => void;
}

export function workerRoutes(app: App, parts: WorkerRouteParts): void {
  const { db, onChange } = parts;

  app.get(
    '/v1/workers',
    {
      config: {
        access: ANYBODY('all of them as operator; else those that work on topics it sees, without their load'),
      },
      schema: {
        tags,
        summary: 'List the stream workers that are alive',
        response: { 200: WorkerList, ...problemsOf() },
      },
    },
    async ({ identity }) => {
      const all = await liveWorkers(parts);
      const workers = isOperator(identity) ? all : workersFor(all, await topicsSeenBy(db, identity));
      const cordoned = await cordonedWorkers(db).catch(() => null); // Postgres is away: workers are shown all the same
      return { items: workers.map((worker) => ({ ...worker, isCordoned: cordoned?.has(worker.workerId) ?? null })) };
    },
  );

  app.get(
    '/v1/workers/:id',
    {
      config: { access: OPERATOR },
      schema: {
        tags,
        summary: 'Inspect a stream worker: its partitions with their lag, its load, the assignment that it has applied',
        params: ById,
        response: { 200: WorkerDetail, ...problemsOf('MDS_NOT_FOUND', 'MDS_FORBIDDEN') },
      },
    },
    async ({ params: { id } }) => detailOf(parts, await liveWorker(parts, id)),
  );

  app.put(
    '/v1/workers/:id/cordon',
    {
      config: { access: OPERATOR, audit: { action: 'cordon', kind: 'worker', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Have a stream worker hand over its partitions, and give it no others',
        description: 'It goes on running; GET /v1/workers/{id} shows when it has none left.',
        params: ById,
        body: CordonRequest,
        response: {
          200: WorkerDetail,
          ...problemsOf('MDS_NOT_FOUND', 'MDS_NO_OTHER_WORKER', 'MDS_FORBIDDEN'),
        },
      },
    },
    async ({ params: { id }, body, identity, change }) => {
      const worker = await liveWorker(parts, id);
      if (body.force !== true) await assertAnother(parts, worker.workerId);
      await change.commit(
        (transaction) => cordonWorker(transaction, worker.workerId, identity.subject),
        () => ({ id: worker.workerId, after: { isCordoned: true, ...body } }),
      );
      onChange();
      return detailOf(parts, worker);
    },
  );

  app.delete(
    '/v1/workers/:id/cordon',
    {
      config: { access: OPERATOR, audit: { action: 'uncordon', kind: 'worker', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Let a stream worker have partitions again',
        params: ById,
        response: { 200: WorkerDetail, ...problemsOf('MDS_NOT_FOUND', 'MDS_FORBIDDEN') },
      },
    },
    async ({ params: { id }, change }) => {
      const worker = await liveWorker(parts, id);
      await change.commit(
        (transaction) => uncordonWorkers(transaction, [worker.workerId]),
        () => ({ id: worker.workerId, after: { isCordoned: false } }),
      );
      onChange();
      return detailOf(parts, worker);
    },
  );
}

async function topicsSeenBy(db: Queryable, identity: Identity) {
  const topics = await allTopics(db);
  return topics.filter(({ tenant, name }) => tenant === identity.tenant && maySeeTopic(identity, name));
}

async function detailOf({ db }: WorkerRouteParts, worker: WorkerHeartbeat): Promise<WorkerDetail> {
  const [cordoned, topics] = await Promise.all([cordonedWorkers(db), allTopics(db)]);
  const byId = new Map(topics.map((topic) => [topic.topicId, topic]));
  const partitions = worker.owned.map((owned) => {
    const { name: topic = '', tenant = '' } = byId.get(owned.topicId) ?? {};
    return { topic, tenant, ...owned };
  });
  return {
    ...worker,
    isCordoned: cordoned.has(worker.workerId),
    lagRecords: worker.owned.reduce((sum, { lagRecords }) => sum + lagRecords, 0),
    partitions: partitions.sort((a, b) => b.lagRecords - a.lagRecords),
  };
}

async function assertAnother(parts: WorkerRouteParts, workerId: string): Promise<void> {
  const cordoned = await cordonedWorkers(parts.db);
  const others = (await liveWorkers(parts)).filter((one) => one.workerId !== workerId && one.state === 'running');
  if (others.every((one) => cordoned.has(one.workerId)))
    throw new MdsError('MDS_NO_OTHER_WORKER', { worker: workerId });
}

/** @throws MdsError `MDS_NOT_FOUND` */
async function liveWorker(parts: WorkerRouteParts, id: string): Promise<WorkerHeartbeat> {
  const worker = (await liveWorkers(parts)).find(({ workerId }) => workerId === id);
  if (worker === undefined) throw new MdsError('MDS_NOT_FOUND', { what: 'running stream worker', id });
  return worker;
}

async function liveWorkers({ redis, keys }: WorkerRouteParts): Promise<readonly WorkerHeartbeat[]> {
  try {
    return (await readFleet(redis, keys)).workers;
  } catch (cause) {
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
  }
}
