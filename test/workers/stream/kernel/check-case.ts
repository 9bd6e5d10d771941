// Whether a kernel does on a case what it must: every event of every good record to every channel that wants it at that
// moment, once, in order, with the bytes its plan asks for; every bad record one reject; ranges without a hole.
// The judge decodes with reference-decoder.ts and decides with the model of the filters (schemas/plan/model.ts).

import { type AvroRecord, eventSchemaOf } from '../../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { CONFLUENT_HEADER_BYTES, readSchemaId } from '../../../../schemas/confluent-wire.ts';
import { afterRecord, beforeRecord, type Cursor, sameCursor } from '../../../../schemas/cursor.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import { compileProjection } from '../../../../schemas/plan/evaluate.ts';
import { modelMatches } from '../../../../schemas/plan/model.ts';
import { channelIdOf, makePlan, type Plan } from '../../../../schemas/plan/plan.ts';
import type { CaseChange, CaseRecord, KernelCase } from './kernel-case.ts';
import { type Delivery, KernelDriver, LaneBooks, type Run, type TestRecord } from './kernel-driver.ts';
import { type ReferenceEvent, referenceEvents } from './reference-decoder.ts';
import { sameJson, utf8Json } from './same-json.ts';

/** What was tried, to be added up over many cases. */
export interface CaseTally {
  /** Each (writer's schema, plan) that met at least one event. */
  readonly filters: number;
  readonly events: number;
  readonly matches: number;
  readonly rejects: ReadonlyMap<string, number>;
}

/**
 * @param maxStepMs CPU time in which a step must be done; absent: any
 * @throws Error that says where the kernel differs from the judge
 */
export function checkCase(given: KernelCase, maxStepMs = Number.POSITIVE_INFINITY): CaseTally {
  return new CaseCheck(given, maxStepMs).run();
}

interface Channel {
  readonly id: string;
  readonly topicId: number;
  readonly plan: Plan;
}

interface Expected {
  readonly cursor: Cursor;
  readonly event: ReferenceEvent;
  readonly writer: AvroRecord;
  readonly schemaId: number;
}

class CaseCheck {
  readonly #case: KernelCase;
  readonly #maxStepMs: number;
  readonly #driver: KernelDriver;
  readonly #books = new LaneBooks();
  readonly #writers: ReadonlyMap<number, AvroRecord>;
  readonly #channels: readonly Channel[];
  /** By `lane/plan`: generation. */
  readonly #wanted = new Map<string, number>();
  readonly #expected = new Map<string, Expected[]>();
  readonly #joined = new Map<string, Cursor>();
  readonly #positions = new Map<number, Cursor>();
  readonly #filters = new Set<string>();
  readonly #rejects = new Map<string, number>();
  #generation = 0;
  #events = 0;
  #matches = 0;
  /** As the kernel counts them. */
  #countedEvents = 0;
  #countedMatches = 0;

  constructor(given: KernelCase, maxStepMs: number) {
    this.#case = given;
    this.#maxStepMs = maxStepMs;
    this.#driver = new KernelDriver(1000, { envelopeBytes: given.envelopeBytes, recordOutputBytes: 1 << 28 });
    this.#writers = new Map(given.writers.map(({ schemaId, schema }) => [schemaId, recordOf(schema)]));
    const topics = new Map(given.topics.map(({ topicId, schema }) => [topicId, recordOf(schema)]));
    this.#channels = given.plans.map(({ topicId, request }) => {
      const plan = makePlan(request, topics.get(topicId) ?? { kind: 'null' });
      return { id: channelIdOf(topicId, plan), topicId, plan };
    });
  }

  run(): CaseTally {
    const { writers, partitions, steps } = this.#case;
    for (const { schemaId, schema } of writers) this.#driver.schema(schemaId, schema);
    for (const { slot, topicId } of partitions) {
      this.#positions.set(slot, beforeRecord(0));
      this.#driver.open(slot, beforeRecord(0), topicId);
    }
    for (const { changes, records, outputBytes, watermark } of steps) {
      for (const change of changes) this.#change(change);
      const given = this.#place(records);
      this.#driver.outputBytes = outputBytes;
      const before = process.cpuUsage();
      const result = this.#driver.run(given, watermark);
      const spentMs = process.cpuUsage(before).user / 1000;
      if (spentMs > this.#maxStepMs) throw new Error(`a step took ${spentMs} ms`);
      this.#compareRun(given, result);
      if (watermark) this.#compareWatermark();
    }
    if (this.#books.faults.length > 0) throw new Error(`ranges are broken: ${this.#books.faults.join('\n')}`);
    this.#compareJoins();
    this.#compareDeliveries();
    this.#compareCounts();
    return { filters: this.#filters.size, events: this.#events, matches: this.#matches, rejects: this.#rejects };
  }

  #change(change: CaseChange): void {
    const { kernel } = this.#driver;
    const { lane } = change;
    if (change.kind === 'drop-lane') {
      kernel.applyDelta({ kind: 'drop-lane', lane });
      for (const [plan] of this.#channels.entries()) this.#withdraw(lane, plan);
      return;
    }
    const channel = this.#channels[change.plan];
    if (!channel) return;
    const present = this.#wanted.get(`${lane}/${change.plan}`);
    if (change.kind === 'add') {
      const generation = ++this.#generation;
      this.#driver.add(lane, channel.id, channel.plan, generation, channel.topicId);
      this.#want(lane, change.plan, channel, generation);
      return;
    }
    const generation = change.kind === 'remove' ? (present ?? 1) : (present ?? 1) - 1;
    kernel.applyDelta({ kind: 'remove', lane, channel: channel.id, generation });
    if (change.kind === 'remove') this.#withdraw(lane, change.plan);
  }

  #want(lane: string, plan: number, channel: Channel, generation: number): void {
    this.#forgetJoin(lane, plan);
    this.#wanted.set(`${lane}/${plan}`, generation);
    for (const slot of this.#slotsOf(channel.topicId)) {
      const position = this.#positions.get(slot);
      if (position) this.#joined.set(`${lane}/${slot + 100}/${channel.id}/${generation}`, position);
    }
  }

  #withdraw(lane: string, plan: number): void {
    const channel = this.#channels[plan];
    if (!channel || !this.#wanted.has(`${lane}/${plan}`)) return;
    this.#forgetJoin(lane, plan);
    this.#wanted.delete(`${lane}/${plan}`);
    if (this.#wants(lane, channel.topicId)) return;
    this.#books.forget(lane, new Set(this.#slotsOf(channel.topicId).map((slot) => slot + 100)));
  }

  /** A join not yet told when the channel left, or joined again, need never be told. */
  #forgetJoin(lane: string, plan: number): void {
    const channel = this.#channels[plan];
    const generation = this.#wanted.get(`${lane}/${plan}`);
    if (!channel) return;
    for (const slot of this.#slotsOf(channel.topicId)) {
      this.#joined.delete(`${lane}/${slot + 100}/${channel.id}/${generation}`);
    }
  }

  #wants(lane: string, topicId: number): boolean {
    return this.#channels.some((channel, plan) => channel.topicId === topicId && this.#wanted.has(`${lane}/${plan}`));
  }

  #slotsOf(topicId: number): readonly number[] {
    return this.#case.partitions.filter((one) => one.topicId === topicId).map(({ slot }) => slot);
  }

  #place(records: readonly CaseRecord[]): readonly TestRecord[] {
    return records.map(({ slot, hole, value }) => {
      const offset = (this.#positions.get(slot)?.offset ?? -1) + 1 + hole;
      this.#positions.set(slot, afterRecord(offset));
      return { slot, offset, value: value === null ? null : Buffer.from(value, 'hex') };
    });
  }

  #compareRun(records: readonly TestRecord[], run: Run): void {
    this.#books.read(run.envelopes);
    for (const envelope of run.envelopes) this.#compareEnvelope(envelope);
    const expected: number[] = [];
    let [eventCount, matchCount] = [0, 0];
    for (const [place, { slot = 0, offset, value }] of records.entries()) {
      if (!value) continue;
      try {
        const schemaId = readSchemaId(value) ?? -1;
        const writer = this.#writers.get(schemaId);
        if (!writer) throw new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId });
        const events = referenceEvents(writer, value.subarray(CONFLUENT_HEADER_BYTES));
        eventCount += events.length;
        for (const [index, event] of events.entries()) {
          matchCount += this.#expect(slot, {
            cursor: { offset, index },
            event,
            writer: eventSchemaOf(writer),
            schemaId,
          });
        }
      } catch (error) {
        if (!(error instanceof MdsError)) throw error;
        expected.push(place);
      }
    }
    const rejected = run.rejects.map(({ record }) => record);
    if (JSON.stringify(rejected) !== JSON.stringify(expected)) {
      throw new Error(
        `rejected [${run.rejects.map(({ record, code, message }) => `${record} ${code} ${message}`)}] instead of [${expected}]`,
      );
    }
    for (const { code } of run.rejects) this.#rejects.set(code, (this.#rejects.get(code) ?? 0) + 1);
    this.#events += eventCount;
    this.#matches += matchCount;
    if (run.failures.length > 0) throw new Error(`plans failed: ${JSON.stringify(run.failures)}`);
    this.#countedEvents += run.eventCount;
    this.#countedMatches += run.matchCount;
  }

  /** @returns how many lanes get it, for all channels together */
  #expect(slot: number, expected: Expected): number {
    const topicId = this.#case.partitions.find((one) => one.slot === slot)?.topicId;
    let count = 0;
    for (const [plan, channel] of this.#channels.entries()) {
      if (channel.topicId !== topicId) continue;
      const lanes = [...this.#wanted.keys()].filter((key) => key.endsWith(`/${plan}`)).map((key) => key.split('/')[0]);
      if (lanes.length === 0) continue;
      this.#filters.add(`${plan}/${expected.schemaId}`);
      if (!modelMatches(channel.plan, expected.writer, expected.event.event)) continue;
      for (const lane of lanes) {
        const key = `${lane}/${slot + 100}/${channel.id}`;
        const told = this.#expected.get(key) ?? [];
        told.push(expected);
        this.#expected.set(key, told);
        count++;
      }
    }
    return count;
  }

  /** One event, once for each projection; nothing that no channel asked for. */
  #compareEnvelope({ events, channels }: Run['envelopes'][number]): void {
    const places = new Map<string, number>();
    const used = new Set<number>();
    for (const { channel: id, refs } of channels) {
      const plan = this.#channels.find((channel) => channel.id === id)?.plan;
      if (!plan) throw new Error(`channel ${id} is not known`);
      for (const ref of Array.from(refs)) {
        used.add(ref);
        const cursor = events[ref]?.cursor;
        const key = `${cursor?.offset}/${cursor?.index}/${projectionOf(plan)}`;
        if ((places.get(key) ?? ref) !== ref) throw new Error(`event ${key} stands twice in an envelope`);
        places.set(key, ref);
      }
    }
    if (used.size !== events.length) throw new Error(`${events.length - used.size} events are for nobody`);
  }

  #compareWatermark(): void {
    for (const { slot, topicId } of this.#case.partitions) {
      const position = this.#positions.get(slot);
      for (const lane of new Set([...this.#wanted.keys()].map((key) => key.split('/')[0] ?? ''))) {
        if (!position || !this.#wants(lane, topicId)) continue;
        const last = this.#books.last.get(`${lane}/${slot + 100}`);
        if (!last || !sameCursor(last, position)) {
          throw new Error(`${lane} is told ${JSON.stringify(last)} and not ${JSON.stringify(position)}`);
        }
      }
    }
  }

  #compareJoins(): void {
    for (const [key, cursor] of this.#joined) {
      const told = this.#books.joined.get(key);
      if (!told || !sameCursor(told, cursor)) {
        throw new Error(`${key} joined at ${JSON.stringify(told)} and not at ${JSON.stringify(cursor)}`);
      }
    }
  }

  #compareCounts(): void {
    if (this.#countedEvents === this.#events && this.#countedMatches === this.#matches) return;
    const counted = `${this.#countedEvents} events and ${this.#countedMatches} matches`;
    throw new Error(`counted ${counted} instead of ${this.#events} and ${this.#matches}`);
  }

  #compareDeliveries(): void {
    for (const key of new Set([...this.#expected.keys(), ...this.#books.deliveries.keys()])) {
      const channel = this.#channels.find(({ id }) => key.endsWith(`/${id}`));
      if (!channel) throw new Error(`${key} is not known`);
      const expected = this.#expected.get(key) ?? [];
      const told = this.#books.deliveries.get(key) ?? [];
      for (let i = 0; i < Math.max(expected.length, told.length); i++) {
        const difference = differenceOf(channel.plan, expected[i], told[i]);
        if (difference) throw new Error(`${key} ${JSON.stringify(channel.plan)}: ${difference}`);
      }
    }
  }
}

function recordOf(schema: unknown): AvroRecord {
  const type = parseAvroSchema(schema);
  if (type.kind !== 'record') throw new Error('not a record');
  return type;
}

const projectionOf = ({ fields, format, inputs }: Plan): string =>
  JSON.stringify([fields, format, inputs.filter(({ aliases }) => aliases).map(({ name, aliases }) => [name, aliases])]);

const show = (cursor: Cursor): string => `${cursor.offset}/${cursor.index}`;

function differenceOf(plan: Plan, expected: Expected | undefined, told: Delivery | undefined): string | undefined {
  if (!expected) return `got ${told ? show(told.cursor) : ''}, which does not match`;
  if (!told) return `${show(expected.cursor)} is missing`;
  if (!sameCursor(expected.cursor, told.cursor)) return `got ${show(told.cursor)} and not ${show(expected.cursor)}`;
  if (plan.format === 'avro') {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(expected.schemaId);
    const whole = Buffer.concat([header, expected.event.bytes]);
    return whole.equals(told.bytes)
      ? undefined
      : `bytes ${Buffer.from(told.bytes).toString('hex')} and not ${whole.toString('hex')}`;
  }
  const text = compileProjection(plan, expected.writer)(expected.event.event);
  return sameJson(utf8Json(told.bytes), JSON.parse(text)) ? undefined : `${Buffer.from(told.bytes)} and not ${text}`;
}
