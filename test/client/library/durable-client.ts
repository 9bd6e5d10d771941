// A consumer of a durable subscription that the edge has let in, on a runtime in which nothing is real.

import type { ConsumeOptions, DurableHandlers, MdsError } from '../../../client/library/index.ts';
import type { ConsumingFrame, EventsFrame } from '../../../schemas/frames.ts';
import { aConsuming, anEventsFrame } from './fake-runtime.ts';
import { anOpenClient, type Numbered } from './open-client.ts';

/** Beyond the time in which answers are gathered. */
const GATHERED_MS = 50;

interface ConsumerOptions {
  readonly options?: Partial<ConsumeOptions>;
  readonly consuming?: Partial<ConsumingFrame>;
  readonly handlers?: DurableHandlers<Numbered>;
}

export async function aConsumer({ options = {}, consuming = {}, handlers }: ConsumerOptions = {}) {
  const open = await anOpenClient();
  const states: string[] = [];
  const onState = (state: string, error: MdsError | null): void => {
    states.push(error ? `${state} ${error.code}` : state);
  };
  const durable = open.client.consume<Numbered>({ subscription: 'on-call', onState, ...options }, handlers);
  const id = (): string => open.socket().all('consume').at(-1)?.id ?? '';
  const admit = (overrides: Partial<ConsumingFrame> = {}): void =>
    open.give(aConsuming(id(), { ...consuming, ...overrides }));
  admit();
  const iterator = durable[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await iterator.next();
    if (done) throw new Error('the consumer has ended');
    return value;
  };
  const deliver = (offsets: readonly number[], overrides: Partial<EventsFrame> = {}): void =>
    open.give(anEventsFrame(offsets, { sub: id(), ...overrides }));
  /** Lets the time pass in which answers are gathered. @returns what was sent since the last time */
  let read = 0;
  const said = () => {
    open.clock.advance(GATHERED_MS);
    const { sent } = open.socket();
    const fresh = sent.slice(Math.min(read, sent.length)).filter(({ type }) => type === 'ack' || type === 'nack');
    read = sent.length;
    return fresh.map(({ id: _id, ...rest }) => rest);
  };
  const reopen = async (): Promise<void> => {
    open.socket().drop();
    await open.reopen();
    read = 0;
  };
  return { ...open, durable, states, id, admit, iterator, next, deliver, said, reopen };
}
