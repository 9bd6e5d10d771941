// The events of the load suites, and the Kafka records that carry them. A number of records is encoded once; a record that is
// sent is one of these with the intended time of its sending written into each event: eight bytes, always.
//
//   record n of partition p  =  template (n × partitions + p) mod templates
//
// So whoever sees a cursor knows which event must stand there, without having talked to the producer.

import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { encodeConfluent } from '../../schemas/confluent-wire.ts';

export interface LoadEvent {
  readonly id: string;
  readonly tenant: string;
  readonly service: string;
  readonly host: string;
  readonly kind: 'METRIC' | 'ALERT' | 'LOG' | 'HEALTH' | 'CHANGE';
  readonly name: string;
  readonly severity: (typeof SEVERITIES)[number];
  readonly value: number | null;
  readonly unit: string;
  /** Microseconds since 1970. */
  readonly timestamp: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly message: string | null;
  readonly traceId: string | null;
}

export const SEVERITIES = ['DEBUG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'CRITICAL'] as const;

export interface LoadShape {
  readonly partitions: number;
  readonly eventsPerRecord: number;
  /** Different records; they come again and again. */
  readonly templates: number;
  /** Different hosts, pods and the like: a filter on one of them matches one event in so many. */
  readonly cardinality: number;
  /** Single events instead of batch records; `eventsPerRecord` is 1. */
  readonly single?: boolean;
}

export const MAX_VALUE = 1000;
/** Of services there are fewer; one with a severity of ERROR or more is as rare as a host. */
export const SEVERE_SHARE = 0.1;

/** The record that stands at this place. */
export const templateAt = ({ partitions, templates }: LoadShape, partition: number, offset: number): number =>
  (offset * partitions + partition) % templates;

/** Events of all templates, the same in every process. */
export function templateEvents(shape: LoadShape): LoadEvent[][] {
  return Array.from({ length: shape.templates }, (_, template) =>
    Array.from({ length: shape.eventsPerRecord }, (_, i) => eventOf(template * shape.eventsPerRecord + i, shape)),
  );
}

function eventOf(n: number, { cardinality }: LoadShape): LoadEvent {
  const at = (salt: number): number => randomOf(n, salt);
  const below = (salt: number, count: number): number => Math.floor(at(salt) * count);
  return {
    id: `ev-${n.toString(36).padStart(9, '0')}`,
    tenant: 'acme',
    service: serviceName(below(1, Math.max(1, Math.round(cardinality * SEVERE_SHARE)))),
    host: hostName(below(2, cardinality)),
    kind: at(3) < 0.8 ? 'METRIC' : 'HEALTH',
    name: ['cpu.usage', 'memory.used', 'http.latency', 'disk.free'][below(4, 4)] ?? 'cpu.usage',
    severity: at(5) < SEVERE_SHARE ? 'ERROR' : (SEVERITIES[below(6, 4)] ?? 'INFO'),
    value: Math.round(at(7) * MAX_VALUE * 1e6) / 1e6,
    unit: 'ms',
    timestamp: FIRST_TIMESTAMP_US,
    labels: {
      region: ['eu-central-1', 'eu-west-1', 'us-east-1'][below(8, 3)] ?? '',
      pod: podName(below(9, cardinality)),
    },
    message: `GET /v1/orders took ${below(10, 1000)} ms`,
    traceId: null,
  };
}

export const hostName = (i: number): string => `host-${String(i).padStart(6, '0')}`;
export const serviceName = (i: number): string => `service-${String(i).padStart(5, '0')}`;
export const podName = (i: number): string => `pod-${String(i).padStart(6, '0')}`;

/** Uniform in [0, 1), from the number of an event and a salt (splitmix32). */
export function randomOf(n: number, salt: number): number {
  let x = (n * 0x9e3779b9 + salt * 0x85ebca6b) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}

/** Any time between 2005 and 2053 has a varint of eight bytes, so that one can be written over another. */
const FIRST_TIMESTAMP_US = 1_767_225_600_000_000;
const TIMESTAMP_BYTES = 8;

export interface RecordTemplate {
  readonly bytes: Buffer;
  /** Where the timestamp of each event begins. */
  readonly timestampsAt: Int32Array;
}

/** @param schemaId of batch records, or of single events */
export function encodeTemplates(shape: LoadShape, schemaId: number): RecordTemplate[] {
  const schema = JSON.parse(
    readFileSync(new URL('../../schemas/avro/events/MonitoringEvent.avsc', import.meta.url), 'utf8'),
  );
  const type = avsc.Type.forSchema(schema);
  const pattern = timestampBytes(FIRST_TIMESTAMP_US);
  return templateEvents(shape).map((events) => {
    const encoded = events.map((event) => type.toBuffer(event));
    const count = zigzag(events.length);
    const body = shape.single ? (encoded[0] ?? Buffer.alloc(0)) : Buffer.concat([count, ...encoded, Buffer.from([0])]);
    const bytes = Buffer.from(encodeConfluent(schemaId, body));
    const timestampsAt = new Int32Array(events.length);
    let from = 0;
    for (let i = 0; i < events.length; i++) {
      from = bytes.indexOf(pattern, from);
      if (from < 0) throw new Error('an encoded event has no timestamp');
      timestampsAt[i] = from;
      from += TIMESTAMP_BYTES;
    }
    return { bytes, timestampsAt };
  });
}

/** Writes the time into every event of a record. */
export function stamp({ bytes, timestampsAt }: RecordTemplate, timestampUs: number): void {
  const pattern = timestampBytes(timestampUs);
  const low = pattern.readInt32LE(0);
  const high = pattern.readInt32LE(4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < timestampsAt.length; i++) {
    const at = timestampsAt[i] ?? 0;
    view.setInt32(at, low, true);
    view.setInt32(at + 4, high, true);
  }
}

function timestampBytes(timestampUs: number): Buffer {
  const bytes = zigzag(timestampUs);
  if (bytes.length !== TIMESTAMP_BYTES) throw new RangeError(`${timestampUs} µs has a varint of ${bytes.length} bytes`);
  return bytes;
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value) * 2n;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
