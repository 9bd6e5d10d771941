// Postgres is away for a minute: events flow, new subscriptions too; afterwards the control plane works by itself again.

import { setTimeout as sleep } from 'node:timers/promises';
import { LibrarySubscriber } from '../../integration/harness/library-subscriber.ts';
import { until } from '../../integration/harness/until.ts';
import type { Scenario } from '../framework/scenario.ts';
import { FAULT_FILTERS } from '../framework/workload.ts';

const DOWN_MS = 60_000;
const LOOK_EVERY_MS = 5000;
const FLOW_TIMEOUT_MS = 5000;
const BACK_TIMEOUT_MS = 30_000;

export const postgresDown: Scenario = {
  id: 'R14',
  title: 'Postgres is down for 60 s: data flows on',
  async run(run) {
    const stack = await run.stack();
    const service = await run.service(stack, { workers: 2, edges: 2 });
    const load = await run.workload(service, { eventsPerSecond: 1000 });
    await stack.services.kill('postgres');
    const downMs = performance.now();
    const late = new LibrarySubscriber({
      connect: { url: service.edge(0).clientUrl },
      topic: load.topics[0]?.name ?? '',
      filter: FAULT_FILTERS[0]?.cel ?? '',
    });
    run.atEnd(() => late.close());
    await late.open();
    while (performance.now() - downMs < DOWN_MS) {
      await load.progress(FLOW_TIMEOUT_MS);
      await sleep(LOOK_EVERY_MS);
    }
    if (late.received.length === 0) run.problem('a subscription made meanwhile got nothing');
    await stack.services.start('postgres');
    const topicMs = performance.now();
    await until('a topic to be created', BACK_TIMEOUT_MS, () =>
      service.createTopic({ name: `later-${run.seed}`, partitions: 2 }),
    );
    run.note(`a topic was created ${((performance.now() - topicMs) / 1000).toFixed(1)} s after Postgres was back`);
    await load.progress();
    return load.settle();
  },
};
