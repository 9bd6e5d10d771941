// What the kernel is compared with, and checked against: the two programs one would write without it. Both decode every
// event with avsc and turn each match into JSON; one asks every filter in turn, the other looks candidates up in a hash map.

import avsc from 'avsc';
import type { AvroType } from '../../../schemas/avro/avro-type.ts';
import { avscTypeOf, type DecodedEvent } from '../../../schemas/avro/decoded-event.ts';
import { CONFLUENT_HEADER_BYTES } from '../../../schemas/confluent-wire.ts';
import { compileFilter, compileProjection } from '../../../schemas/plan/evaluate.ts';
import { BATCH_SCHEMA } from './event-records.ts';
import type { BenchChannel } from './kernel-run.ts';
import type { BenchEvent, KernelWorkload } from './workload.ts';

/** @returns places, in the list of channels, of those that match, in order; the event's JSON went to `sink` for each */
export type Reference = (event: DecodedEvent) => readonly number[];

export interface ReferencePrograms {
  readonly everyFilter: Reference;
  readonly hashLookup: Reference;
  json(event: DecodedEvent): string;
  /** JSON bytes made so far, so that nothing of the work can be optimised away. */
  jsonBytes(): number;
}

export function referencePrograms(
  channels: readonly BenchChannel[],
  workload: KernelWorkload,
  schema: AvroType,
): ReferencePrograms {
  const filters: ((event: DecodedEvent) => boolean)[] = [];
  /** Compiled when first asked: of 100,000 filters the hash lookup needs a few. */
  const matches = (i: number, event: DecodedEvent): boolean => {
    const plan = channels[i]?.plan;
    const filter = filters[i] ?? (plan ? compileFilter(plan, schema) : () => false);
    filters[i] = filter;
    return filter(event);
  };
  const projection = channels[0] ? compileProjection(channels[0].plan, schema) : () => '';
  const filed = new Map<string, number[]>();
  channels.forEach((_, i) => {
    for (const key of workload.channelKeys(i)) {
      const under = filed.get(key);
      if (under) under.push(i);
      else filed.set(key, [i]);
    }
  });
  let jsonBytes = 0;
  const transcoded = (event: DecodedEvent, matching: readonly number[]): readonly number[] => {
    if (matching.length > 0) jsonBytes += Buffer.from(projection(event)).length; // once: all take whole events
    return matching;
  };
  return {
    everyFilter(event) {
      const matching: number[] = [];
      for (let i = 0; i < channels.length; i++) if (matches(i, event)) matching.push(i);
      return transcoded(event, matching);
    },
    hashLookup(event) {
      const matching: number[] = [];
      // the workload reads the same fields that were encoded
      for (const key of workload.eventKeys(event as unknown as BenchEvent)) {
        for (const i of filed.get(key) ?? []) if (matches(i, event) && !matching.includes(i)) matching.push(i);
      }
      return transcoded(event, matching);
    },
    json: projection,
    jsonBytes: () => jsonBytes,
  };
}

/** Decodes a Confluent-framed batch record. */
export function batchDecoder(): (record: Uint8Array) => readonly DecodedEvent[] {
  const type = avscTypeOf<avsc.Type>(avsc, BATCH_SCHEMA);
  return (record) => {
    const { buffer, byteOffset, length } = record;
    const body = Buffer.from(buffer, byteOffset + CONFLUENT_HEADER_BYTES, length - CONFLUENT_HEADER_BYTES);
    return type.fromBuffer(body).events;
  };
}
