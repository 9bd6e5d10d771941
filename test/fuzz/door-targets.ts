// The other doors through which bytes and texts come in: lane envelopes, resume tokens, client messages, schemas, filters.
// Each reads what is given or refuses it with one of its own errors, quickly; what it has read means the same when it is
// written and read again.

import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { avroJsonOf } from '../../schemas/avro/json.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { END_OF_RECORD } from '../../schemas/cursor.ts';
import { MdsError, type MdsErrorCode } from '../../schemas/errors.ts';
import { parseClientMessage } from '../../schemas/frame-reader.ts';
import { envelopeByteLength, readEnvelope, writeEnvelope } from '../../schemas/lane-envelope.ts';
import { checkFilter } from '../../schemas/plan/plan.ts';
import { decodeResumeToken, encodeResumeToken } from '../../schemas/resume-token.ts';
import { type Choose, pick } from '../schemas/plan/pools.ts';
import { randomFilter } from '../schemas/plan/random-filter.ts';
import { damagedBody } from '../workers/stream/kernel/damage-case.ts';
import { richTopic } from '../workers/stream/kernel/rich-schemas.ts';
import { changedText } from './changed-text.ts';
import { ingestDoors } from './ingest-targets.ts';
import type { FuzzTarget, Outcome } from './target.ts';

/** CPU time for one input: a hang guard. */
const MAX_INPUT_MS = 1000;

export interface Door {
  readonly name: string;
  readonly codes: readonly MdsErrorCode[];
  readonly draw: (choose: Choose) => string;
  readonly change: (text: string, choose: Choose) => string;
  /** Reads, and checks what was read. */
  readonly read: (text: string, schema: unknown) => void;
}

/** `schema` is there only for filters. */
interface DoorInput {
  readonly text: string;
  readonly schema?: unknown;
}

const envelopes: Door = {
  name: 'envelope',
  codes: ['MDS_LANE_CORRUPT'],
  draw: (choose) => Buffer.from(anEnvelope(choose)).toString('hex'),
  change: (hex, choose) => {
    const changed = damagedBody(Buffer.from(hex, 'hex'), choose);
    return (choose(3) > 0 ? resealed(changed) : changed).toString('hex');
  },
  read: (hex) => {
    const envelope = readEnvelope(Uint8Array.from(Buffer.from(hex, 'hex')));
    const again = new Uint8Array(envelopeByteLength(envelope));
    writeEnvelope(envelope, again, 0);
    const { byteLength } = envelope;
    if (!isDeepStrictEqual({ ...readEnvelope(again), byteLength }, envelope))
      throw new Error('it reads differently when written again');
  },
};

function anEnvelope(choose: Choose): Uint8Array {
  const cursor = () => ({ offset: choose(1000), index: pick(choose, [0, 1, END_OF_RECORD]) });
  const id = () => choose(1000).toString(16).padStart(32, '0');
  const events = Array.from({ length: choose(4) }, () => ({ cursor: cursor(), bytes: Buffer.alloc(choose(20), 123) }));
  const envelope = {
    ...{ kind: pick(choose, ['live', 'replay'] as const), topicId: choose(9), partition: choose(9), epoch: choose(9) },
    ...{ requestId: choose(9), from: { offset: -1, index: 0 }, to: { offset: 2000, index: END_OF_RECORD } },
    ...{ oldestRecordMs: choose(1e9), receivedMs: choose(1e9), publishedMs: choose(1e9), last: false, expired: false },
    joined: Array.from({ length: choose(3) }, () => ({ channel: id(), generation: choose(9) })),
    events,
    channels: Array.from({ length: choose(3) }, () => ({
      channel: id(),
      refs: events.length === 0 ? [] : Array.from({ length: choose(4) }, () => choose(events.length)),
    })),
  };
  const bytes = new Uint8Array(envelopeByteLength(envelope));
  writeEnvelope(envelope, bytes, 0);
  if (!resealed(bytes).equals(bytes)) throw new Error('the envelope has another layout than this fuzz target knows');
  return bytes;
}

const LENGTH_AT = 84;
const CHECKSUM_AT = 88;

/** With length and checksum put right, so that damage comes through to the reader behind them. */
function resealed(bytes: Uint8Array): Buffer {
  const sealed = Buffer.from(bytes);
  if (sealed.length < CHECKSUM_AT + 4) return sealed;
  sealed.writeUInt32LE(sealed.length, LENGTH_AT);
  sealed.writeUInt32LE(crc32(sealed.subarray(CHECKSUM_AT + 4), crc32(sealed.subarray(0, CHECKSUM_AT))), CHECKSUM_AT);
  return sealed;
}

const tokens: Door = {
  name: 'token',
  codes: ['MDS_TOKEN_CORRUPT'],
  draw: (choose) => {
    const cursor = () => ({
      offset: pick(choose, [-1, 0, 5, 2 ** 40, 2 ** 53 - 2]),
      index: pick(choose, [0, 7, END_OF_RECORD]),
    });
    const position = new Map(Array.from({ length: choose(6) }, () => [choose(300), cursor()] as const));
    return encodeResumeToken({ topicId: choose(1000), position });
  },
  change: changedText,
  read: (token) => {
    const point = decodeResumeToken(token);
    if (!isDeepStrictEqual(decodeResumeToken(encodeResumeToken(point)), point)) throw new Error('it reads differently');
  },
};

const messages: Door = {
  name: 'message',
  codes: ['MDS_FRAME_CORRUPT', 'MDS_UNKNOWN_MESSAGE_TYPE', 'MDS_REQUEST_INVALID'],
  draw: (choose) =>
    JSON.stringify({
      type: pick(choose, ['subscribe', 'subscribe', 'unsubscribe', 'ping', 'other', 7]),
      ...(choose(4) > 0 ? { id: pick<unknown>(choose, ['s1', '', 'x'.repeat(200), 3, null, ['a'], '__proto__']) } : {}),
      ...(choose(2) > 0 ? { topic: pick<unknown>(choose, ['alerts', '', 0, {}]) } : {}),
      ...(choose(2) > 0 ? { filter: pick<unknown>(choose, ['severity >= ERROR', '', [], 'a'.repeat(5000)]) } : {}),
      ...(choose(3) > 0 ? { fields: pick<unknown>(choose, [['a', 'b.c'], [], [1], 'a', { length: 1 }]) } : {}),
      ...(choose(3) > 0 ? { resume: pick<unknown>(choose, ['AQ', '', 1]) } : {}),
    }),
  change: changedText,
  read: (text) => {
    const message = parseClientMessage(text);
    const texts = message.type === 'subscribe' ? [message.id, message.topic] : [message.id ?? ''];
    if (!texts.every((one) => typeof one === 'string')) throw new Error('it has an id or a topic that is no text');
  },
};

const schemas: Door = {
  name: 'schema',
  codes: ['MDS_SCHEMA_INVALID'],
  draw: (choose) => {
    const { json, writers } = richTopic(choose);
    return JSON.stringify(pick(choose, [json, ...writers.map((writer) => writer.json)]));
  },
  change: changedText,
  read: (text) => {
    const json = avroJsonOf(parseAvroSchema(text));
    if (!isDeepStrictEqual(avroJsonOf(parseAvroSchema(json)), json)) throw new Error('it reads differently');
  },
};

const filters: Door = {
  name: 'filter',
  codes: [],
  draw: (choose) => randomFilter(FILTERED.type, choose),
  change: changedText,
  read: (text) => {
    const checked = checkFilter(text, FILTERED.type);
    if (!checked.ok) throw new MdsError(checked.error.code);
    const again = checkFilter(checked.canonical, FILTERED.type);
    if (!again.ok || again.canonical !== checked.canonical) {
      throw new Error(`its canonical form is not canonical: ${checked.canonical}`);
    }
  },
};

/** One schema with every kind of field, for filters. */
const FILTERED = richTopic(widest());

function widest(): Choose {
  let drawn = 0;
  return (count) => drawn++ % count;
}

export const doors: readonly FuzzTarget[] = [envelopes, tokens, messages, schemas, filters, ...ingestDoors].map(
  (door) => ({
    name: door.name,
    draw: (choose) => ({ text: choose(4) === 0 ? door.draw(choose) : door.change(door.draw(choose), choose) }),
    mutate: (input, choose) => ({ text: door.change((input as DoorInput).text, choose) }), // read from the corpus
    check: (input) => checkDoor(door, input as DoorInput), // drawn above, or read from the corpus
  }),
);

function checkDoor({ codes, read, name }: Door, { text, schema }: DoorInput): Outcome {
  const before = process.cpuUsage();
  const rejects = new Map<string, number>();
  try {
    read(text, schema);
  } catch (error) {
    const isOwn =
      error instanceof MdsError && (codes.includes(error.code) || error.code.startsWith(`MDS_${name.toUpperCase()}_`));
    if (!isOwn) throw error;
    rejects.set(error.code, 1);
  }
  const spentMs = process.cpuUsage(before).user / 1000;
  if (spentMs > MAX_INPUT_MS) throw new Error(`it took ${spentMs} ms`);
  return { cases: 1, matches: 1 - rejects.size, rejects };
}
