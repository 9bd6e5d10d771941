// Draws cases of damaged records between good ones: cut, bits turned, hostile numbers in the place of lengths and counts.

import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { type Choose, pick } from '../../../schemas/plan/pools.ts';
import type { CaseRecord, KernelCase } from './kernel-case.ts';
import { richTopic } from './rich-schemas.ts';
import { richValue } from './rich-values.ts';
import { avroBytes, varint } from './wire-writer.ts';

/** CPU time for one step of damaged records: ten times what a slow machine needs, far below what a hang takes. */
export const MAX_DAMAGE_STEP_MS = 1000;

/** What a producer would write to make a reader allocate, loop, recurse or read outside. */
const HOSTILE: readonly Buffer[] = [
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 65_536, 65_537, 1000, 127, 64].flatMap((n) => [
    varint(n),
    varint(-n),
  ]),
  ...[2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 62n)].map((n) => varint(n)),
  varint(0, 9),
  varint(1, 9),
  varint(-1, 9),
  Buffer.alloc(9, 0x80),
  Buffer.alloc(10, 0x80),
  Buffer.alloc(11, 0xff),
  Buffer.concat([Buffer.alloc(9, 0xff), Buffer.of(0x7f)]),
  Buffer.concat([varint(-(2 ** 31)), varint(2 ** 31)]),
  Buffer.concat([varint(-1), varint(0)]),
  Buffer.alloc(300, 2),
  Buffer.alloc(300, 1),
  Buffer.of(0),
  Buffer.of(2),
];

export function damageCase(choose: Choose): KernelCase {
  const topic = richTopic(choose);
  const writers = topic.writers.map((writer, i) => ({ ...writer, schemaId: i + 1 }));
  const aBody = (): { schemaId: number; body: Buffer } => {
    const { type, schemaId } = pick(choose, writers);
    const body = avroBytes(type, richValue(type, choose), choose(2) === 0 ? undefined : choose);
    // Longer ones hold the same things again, and most damage would fall into one long text.
    return body.length < 20_000 ? { schemaId, body } : { schemaId, body: Buffer.alloc(0) };
  };
  const records: CaseRecord[] = [];
  const append = (schemaId: number, body: Uint8Array): void => {
    const value = Buffer.from(encodeConfluent(schemaId, body)).toString('hex');
    records.push({ slot: 0, hole: 0, value });
  };
  for (let i = 1 + choose(3); i > 0; i--) {
    const { schemaId, body } = aBody();
    append(schemaId, body);
    for (let j = 1 + choose(6); j > 0; j--) append(schemaId, damagedBody(body, choose));
  }
  const last = aBody();
  append(last.schemaId, last.body);
  const formats = ['json', 'avro'] as const;
  return {
    envelopeBytes: 100_000,
    topics: [{ topicId: 7, schema: topic.json }],
    writers: writers.map(({ schemaId, json }) => ({ schemaId, schema: json })),
    partitions: [{ slot: 0, topicId: 7 }],
    plans: formats.map((format) => ({ topicId: 7, request: { format } })),
    steps: [
      {
        changes: formats.map((_, plan) => ({ kind: 'add', lane: 'edge-a', plan })),
        records,
        outputBytes: 100_000,
        watermark: false,
      },
    ],
  };
}

export function damagedBody(body: Uint8Array, choose: Choose): Buffer {
  const copy = Buffer.from(body);
  const at = choose(body.length + 1);
  switch (choose(6)) {
    case 0:
      return copy.subarray(0, at);
    case 1:
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << choose(8));
      return copy;
    case 2:
      return Buffer.concat([copy.subarray(0, at), pick(choose, HOSTILE), copy.subarray(at)]);
    case 3:
      return Buffer.concat([copy.subarray(0, at), pick(choose, HOSTILE), copy.subarray(at + 1)]);
    case 4:
      return Buffer.concat([copy.subarray(0, at), pick(choose, HOSTILE)]);
    default:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + choose(4))]);
  }
}
