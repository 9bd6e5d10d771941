// A steady stream of measurements into one topic while a test does things to the service, and the settling of accounts
// behind it: waits until each subscriber has what it should have, then says what is wrong with what it got.

import { type Account, type Ledger, ledgerText, type ReceivedEvent, settle } from './ledger.ts';
import { aMeasurement, type Measurement, type ModelledFilter } from './measurement.ts';
import { type Flow, startFlow } from './pace.ts';
import { TestProducer } from './producer.ts';
import type { TopicInfo } from './rest-client.ts';
import { until } from './until.ts';

interface StreamOptions {
  readonly brokers: string;
  readonly topic: TopicInfo;
  readonly eventsPerSecond: number;
  /** Events of one record; 1: single events. */
  readonly recordEvents?: number;
}

interface EventStream {
  readonly producer: TestProducer<Measurement>;
  readonly flow: Flow;
  /** Ends the flow and waits for Kafka to have everything. */
  readonly stop: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function startEventStream(options: StreamOptions): Promise<EventStream> {
  const { brokers, topic, eventsPerSecond, recordEvents = 20 } = options;
  const producer = await TestProducer.connect<Measurement>(brokers, topic);
  let sequence = 0;
  let record = 0;
  const flow = startFlow(eventsPerSecond / recordEvents, async (records) => {
    for (let i = 0; i < records; i++) {
      const events = Array.from({ length: recordEvents }, () => aMeasurement(sequence++));
      await producer.send({ partition: record++ % topic.partitions, events });
    }
  });
  const stop = async (): Promise<void> => {
    await flow.stop();
    await producer.flush();
  };
  return { producer, flow, stop, close: () => producer.close() };
}

interface Settlement {
  readonly stream: EventStream;
  readonly filter: ModelledFilter;
  readonly received: readonly ReceivedEvent[];
  readonly after: NonNullable<Account<Measurement>['after']>;
  readonly timeoutMs?: number;
}

const SETTLE_TIMEOUT_MS = 40_000;

/** Waits until nothing is missing, or the deadline; either way the ledger says what is the case. */
export async function settled({ stream, filter, received, after, timeoutMs }: Settlement): Promise<Ledger> {
  const produced = stream.producer.produced.filter(({ event }) => filter.matches(event));
  const account = (): Ledger => settle({ produced, matches: () => true, received, after });
  let ledger = account();
  await until(
    'nothing to be missing',
    timeoutMs ?? SETTLE_TIMEOUT_MS,
    () => {
      if (received.length < ledger.expected) return false;
      ledger = account();
      return ledger.lost === 0;
    },
    () => ledgerText(ledger),
  ).catch(() => undefined); // the ledger is the answer
  return { ...account(), produced: stream.producer.produced.length };
}
