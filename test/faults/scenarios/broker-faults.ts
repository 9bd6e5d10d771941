// Three Kafka brokers, of which one dies or freezes at a time.

import { setTimeout as sleep } from 'node:timers/promises';
import kafka from 'node-rdkafka';
import type { ServiceName } from '../../../deploy/local/services/service.ts';
import type { Run, Scenario } from '../framework/scenario.ts';
import type { FaultStack } from '../framework/stacks.ts';

const METADATA_TIMEOUT_MS = 10_000;
/** Longer than a broker's session: another one leads by then. */
const FREEZE_MS = 10_000;

export const leaderKill: Scenario = {
  id: 'R7',
  title: 'three brokers: kill -9 of a leader 5 times, then one is frozen for 10 s (one kill alone in the short set)',
  timeoutMs: 300_000,
  async run(run) {
    const stack = await run.stack('three-brokers');
    const service = await run.service(stack, { workers: 2, edges: 1 });
    const load = await run.workload(service);
    const pausesMs: number[] = [];
    for (let kill = 0; kill < (run.isShort ? 1 : 5); kill++) {
      const broker = await aLeader(run, stack, load.topics[0]?.kafkaTopic ?? '');
      run.say(`kill -9 ${broker}`);
      await stack.services.kill(broker);
      pausesMs.push(await load.progress());
      await stack.services.start(broker);
      await load.progress();
    }
    run.note(`all had events again after ${pausesMs.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s`);
    if (run.isShort) return load.settle();
    const frozen = await aLeader(run, stack, load.topics[0]?.kafkaTopic ?? '');
    stack.services.pause(frozen);
    const frozenMs = performance.now();
    const pauseMs = await load.progress();
    run.note(`${(pauseMs / 1000).toFixed(1)} s with ${frozen} frozen`);
    await sleep(Math.max(0, FREEZE_MS - (performance.now() - frozenMs)));
    stack.services.resume(frozen);
    await load.progress();
    return load.settle();
  },
};

/** The broker that leads some partition of the topic, as the cluster itself says. */
async function aLeader(run: Run, stack: FaultStack, topic: string): Promise<ServiceName> {
  const client = new kafka.Producer({ 'metadata.broker.list': stack.env.MDS_KAFKA_BROKERS ?? '' });
  await new Promise<void>((resolve, reject) => client.connect({}, (error) => (error ? reject(error) : resolve())));
  try {
    const metadata = await new Promise<kafka.Metadata>((resolve, reject) =>
      client.getMetadata({ topic, timeout: METADATA_TIMEOUT_MS }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      ),
    );
    const partitions = metadata.topics.find(({ name }) => name === topic)?.partitions ?? [];
    const broker = stack.brokerNames[run.random.pick(partitions).leader - 1];
    if (broker === undefined) throw new Error(`nobody leads ${topic}`);
    return broker;
  } finally {
    await new Promise<void>((resolve) => client.disconnect(() => resolve()));
  }
}
