// Prometheus remote write 1.0: a snappy block with a protobuf WriteRequest, as facts: one event for each sample.
// Source: prometheus.io/docs/specs/prw/remote_write_spec, prompb/remote.proto and prompb/types.proto.

import { uncompressSync } from 'snappy';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { Facts } from '../mapping/facts.ts';
import { list, message, one } from '../protobuf/message.ts';
import { readBinary } from '../protobuf/read-binary.ts';

interface WriteRequest {
  readonly timeseries?: readonly {
    readonly labels?: readonly { readonly name?: string; readonly value?: string }[];
    readonly samples?: readonly { readonly value?: number; readonly timestamp?: bigint }[];
    readonly histograms?: readonly unknown[];
  }[];
}

const label = message({ 1: one('name', 'string'), 2: one('value', 'string') });
const sample = message({ 1: one('value', 'double'), 2: one('timestamp', 'int64') });
const nothing = message({});
const timeSeries = message({
  1: list('labels', () => label),
  2: list('samples', () => sample),
  4: list('histograms', () => nothing),
});
const writeRequest = message({ 1: list('timeseries', () => timeSeries) });

const NAME_LABEL = '__name__';
/** A block says first how long it is when it is uncompressed: a varint of 32 bits. */
const MAX_LENGTH_BYTES = 5;

export interface WrittenSeries {
  readonly facts: readonly Facts[];
  /** Native histograms, which are not mapped: the sender is told. */
  readonly histograms: number;
  /** Series that end here, or have no sample at the time: Prometheus writes a special NaN, which is no measurement. */
  readonly staleMarkers: number;
}

/**
 * @param maxBytes that the uncompressed block may have
 * @throws MdsError `MDS_REQUEST_INVALID`, or `MDS_BODY_TOO_LARGE` before anything is uncompressed
 */
export function readWriteRequest(body: Buffer, maxBytes: number): WrittenSeries {
  const request = readBinary(writeRequest, uncompressed(body, maxBytes)) as WriteRequest; // read by its table
  const facts: Facts[] = [];
  let histograms = 0;
  let staleMarkers = 0;
  for (const series of request.timeseries ?? []) {
    histograms += series.histograms?.length ?? 0;
    const labels: Record<string, string> = Object.create(null);
    for (const { name = '', value = '' } of series.labels ?? []) labels[name] = value;
    const { [NAME_LABEL]: name, ...others } = labels;
    for (const { value = 0, timestamp = 0n } of series.samples ?? []) {
      if (isStale(value)) staleMarkers++;
      else facts.push({ plain: { name, value, timestamp: Number(timestamp) * 1000 }, groups: { label: others } });
    }
  }
  return { facts, histograms, staleMarkers };
}

function uncompressed(body: Buffer, maxBytes: number): Uint8Array {
  const bytes = lengthOf(body);
  if (bytes > maxBytes) throw new MdsError('MDS_BODY_TOO_LARGE', { limitBytes: maxBytes });
  let block: Uint8Array;
  try {
    block = uncompressSync(body, { asBuffer: true }) as Buffer; // as asked
  } catch (cause) {
    throw invalid(`it is not a snappy block: ${reasonOf(cause)}`, cause);
  }
  if (block.length !== bytes) throw invalid('the snappy block has another length than it says');
  return block;
}

function lengthOf(body: Buffer): number {
  let length = 0;
  for (let i = 0; i < MAX_LENGTH_BYTES; i++) {
    const byte = body[i];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw invalid('it is not a snappy block: it does not begin with its length');
}

const invalid = (problem: string, cause?: unknown): MdsError =>
  new MdsError('MDS_REQUEST_INVALID', { problems: [problem] }, { cause });

/** prometheus/model/value: StaleNaN is 0x7ff0000000000002. */
const STALE = 0x7ff0000000000002n;
const bits = new DataView(new ArrayBuffer(8));

function isStale(value: number): boolean {
  if (!Number.isNaN(value)) return false;
  bits.setFloat64(0, value);
  return bits.getBigUint64(0) === STALE;
}
