// Events that travel as Avro: raw for whoever wants them so, decoded at handing out for everybody else.

import avsc from 'avsc';
import t from 'tap';
import { avscDecoder } from '../../../client/library/avsc-decoder.ts';
import { type AvroDatum, type ConnectOptions, connect } from '../../../client/library/index.ts';
import { avscTypeOf } from '../../../schemas/avro/decoded-event.ts';
import { MdsError } from '../../../schemas/errors.ts';
import {
  AVRO_EVENT_HEADER_BYTES,
  AVRO_FRAME_HEADER_BYTES,
  writeAvroEventHead,
  writeAvroFrameHead,
} from '../../../schemas/frames-avro.ts';
import { aSubscribed, aWorld, settle } from './fake-runtime.ts';

const SCHEMA = {
  type: 'record',
  name: 'E',
  fields: [
    { name: 'n', type: 'long' },
    { name: 'tags', type: { type: 'map', values: 'string' } },
    { name: 'note', type: ['null', 'string'] },
  ],
};
const TYPE: avsc.Type = avscTypeOf(avsc, SCHEMA);
const encoded = (n: number | bigint): Uint8Array => TYPE.toBuffer({ n, tags: { a: 'b' }, note: 'ü' });
const CHANNEL = 'c'.repeat(32);

function aFrame(offset: number, schemaId: number, bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(AVRO_FRAME_HEADER_BYTES + AVRO_EVENT_HEADER_BYTES + 4 + bytes.length);
  const view = new DataView(frame.buffer);
  const head = { channel: CHANNEL, partition: 0, from: [offset - 1, 0], to: [offset, 0], times: [1, 2, 3] } as const;
  writeAvroFrameHead(view, 0, head, 1, frame.length);
  const at = writeAvroEventHead(view, AVRO_FRAME_HEADER_BYTES, offset, 0, 4 + bytes.length);
  view.setUint32(at, schemaId);
  frame.set(bytes, at + 4);
  return frame;
}

async function aSubscription(options: Partial<ConnectOptions> = {}) {
  const world = aWorld();
  const client = connect({ url: 'ws://edge.test/', format: 'avro', runtime: world.runtime, ...options });
  await settle();
  world.socket().welcome({ heartbeatMs: 0 });
  const subscription = client.subscribe({ topic: 'host.metrics' });
  world.socket().receive(aSubscribed(world.socket().lastSubscribe().id, { channel: CHANNEL }));
  return { ...world, subscription, events: subscription[Symbol.asyncIterator]() };
}

t.test('without a decoder an event is what its producer wrote, with the id of the schema', async (t) => {
  const { socket, events } = await aSubscription();
  t.equal(socket().protocol, 'mds.v1.avro');
  socket().receiveBytes(aFrame(1, 258, encoded(5)));
  const { value } = await events.next();
  t.match(value, { cursor: { partition: 0, offset: 1, index: 0 }, times: { recordMs: 1 } });
  t.same(value.data satisfies AvroDatum, { schemaId: 258, bytes: encoded(5) });
});

t.test('with a decoder values are those of JSON frames, and each schema is asked for once', async (t) => {
  const asked: number[] = [];
  const schemaOf = async (schemaId: number): Promise<unknown> => {
    asked.push(schemaId);
    return SCHEMA;
  };
  const { socket, events } = await aSubscription({ avro: { decoder: avscDecoder, schemaOf } });
  socket().receiveBytes(aFrame(1, 7, encoded(5)));
  socket().receiveBytes(aFrame(2, 7, encoded(2n ** 60n)));
  t.same((await events.next()).value.data, { n: 5, tags: { a: 'b' }, note: 'ü' });
  t.same((await events.next()).value.data, { n: '1152921504606846976', tags: { a: 'b' }, note: 'ü' });
  t.same(asked, [7]);
});

t.test('a schema that cannot be had now is asked for again, and no event is lost or passed over', async (t) => {
  let failures = 2;
  const schemaOf = async (): Promise<unknown> => {
    if (failures-- > 0) throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'It', reason: 'away' });
    return SCHEMA;
  };
  const { socket, events, clock, subscription } = await aSubscription({ avro: { decoder: avscDecoder, schemaOf } });
  const before = subscription.token;
  socket().receiveBytes(aFrame(1, 7, encoded(5)));
  const next = events.next();
  for (let attempt = 0; attempt < 2; attempt++) {
    await settle();
    t.equal(subscription.token, before);
    clock.advance(60_000);
  }
  t.match((await next).value.data, { n: 5 });
});

t.test(
  'a schema that does not exist ends the subscription before the event, so the token does not cover it',
  async (t) => {
    const schemaOf = (): Promise<unknown> => Promise.reject(new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId: 7 }));
    const { socket, events, subscription } = await aSubscription({ avro: { decoder: avscDecoder, schemaOf } });
    const before = subscription.token;
    socket().receiveBytes(aFrame(1, 7, encoded(5)));
    await t.rejects(events.next(), { code: 'MDS_SCHEMA_UNKNOWN_ID' });
    t.equal(subscription.token, before);
    t.equal(subscription.state, 'ended');
  },
);

t.test('an event that does not fit its schema is an error that says so', async (t) => {
  const { socket, events } = await aSubscription({ avro: { decoder: avscDecoder, schemaOf: async () => SCHEMA } });
  socket().receiveBytes(aFrame(1, 7, encoded(5).subarray(0, 3)));
  await t.rejects(events.next(), { code: 'MDS_RECORD_CORRUPT' });
  socket().receiveBytes(aFrame(2, 7, encoded(6)));
  t.match((await events.next()).value.data, { n: 6 });
});

t.test('a binary frame that makes no sense ends the connection, which is opened again', async (t) => {
  const { socket, sockets, clock } = await aSubscription();
  socket().receiveBytes();
  t.equal(sockets[0]?.closedWith, 3000);
  clock.advance(60_000);
  await settle();
  t.equal(sockets.length, 2);
});

t.test('a decoder without a place to get schemas from is refused, and so is one for JSON', async (t) => {
  const avro = { decoder: avscDecoder };
  const { runtime } = aWorld();
  t.throws(() => connect({ url: 'ws://edge.test/', format: 'avro', avro, runtime }), { code: 'MDS_REQUEST_INVALID' });
  t.throws(() => connect({ api: 'http://api.test/', avro, runtime }), { code: 'MDS_REQUEST_INVALID' });
});
