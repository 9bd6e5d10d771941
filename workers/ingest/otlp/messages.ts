// OpenTelemetry's export requests, as far as they are mapped. Source: opentelemetry-proto 1.x, metrics/v1, logs/v1, trace/v1,
// common/v1 and collector/*/v1.

import { list, type Message, message, one } from '../protobuf/message.ts';

export interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: bigint;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
  readonly bytesValue?: Buffer;
}
export interface KeyValue {
  readonly key?: string;
  readonly value?: AnyValue;
}
export interface Scope {
  readonly name?: string;
  readonly version?: string;
  readonly attributes?: readonly KeyValue[];
}
export interface Resource {
  readonly attributes?: readonly KeyValue[];
}

const anyValue: Message = message({
  1: one('stringValue', 'string'),
  2: one('boolValue', 'bool'),
  3: one('intValue', 'int64'),
  4: one('doubleValue', 'double'),
  5: one('arrayValue', () => arrayValue),
  6: one('kvlistValue', () => keyValues),
  7: one('bytesValue', 'bytes'),
});
const keyValue = message({ 1: one('key', 'string'), 2: one('value', () => anyValue) });
const arrayValue = message({ 1: list('values', () => anyValue) });
const keyValues = message({ 1: list('values', () => keyValue) });
const attributes = (number: number) => ({ [number]: list('attributes', () => keyValue) });
const resource = message(attributes(1));
const scope = message({ 1: one('name', 'string'), 2: one('version', 'string'), ...attributes(3) });

export interface MetricsRequest {
  readonly resourceMetrics?: readonly {
    readonly resource?: Resource;
    readonly scopeMetrics?: readonly { readonly scope?: Scope; readonly metrics?: readonly Metric[] }[];
  }[];
}
export interface Metric {
  readonly name?: string;
  readonly description?: string;
  readonly unit?: string;
  readonly gauge?: { readonly dataPoints?: readonly NumberPoint[] };
  readonly sum?: Temporal & { readonly dataPoints?: readonly NumberPoint[]; readonly isMonotonic?: boolean };
  readonly histogram?: Temporal & { readonly dataPoints?: readonly HistogramPoint[] };
  readonly exponentialHistogram?: Temporal & { readonly dataPoints?: readonly ExponentialPoint[] };
  readonly summary?: { readonly dataPoints?: readonly SummaryPoint[] };
}
export interface Temporal {
  readonly aggregationTemporality?: number;
}
export interface Point {
  readonly attributes?: readonly KeyValue[];
  readonly startTimeUnixNano?: bigint;
  readonly timeUnixNano?: bigint;
  /** Bit 0: there is no value. */
  readonly flags?: number;
}
export interface NumberPoint extends Point {
  readonly asDouble?: number;
  readonly asInt?: bigint;
}
interface Distribution extends Point {
  readonly count?: bigint;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
}
export interface HistogramPoint extends Distribution {
  readonly bucketCounts?: readonly bigint[];
  readonly explicitBounds?: readonly number[];
}
export interface Buckets {
  readonly offset?: number;
  readonly bucketCounts?: readonly bigint[];
}
export interface ExponentialPoint extends Distribution {
  readonly scale?: number;
  readonly zeroCount?: bigint;
  readonly zeroThreshold?: number;
  readonly positive?: Buckets;
  readonly negative?: Buckets;
}
export interface SummaryPoint extends Distribution {
  readonly quantileValues?: readonly { readonly quantile?: number; readonly value?: number }[];
}

const times = { 2: one('startTimeUnixNano', 'fixed64'), 3: one('timeUnixNano', 'fixed64') };
const numberPoint = message({
  ...times,
  4: one('asDouble', 'double'),
  6: one('asInt', 'sfixed64'),
  ...attributes(7),
  8: one('flags', 'uint32'),
});
const histogramPoint = message({
  ...times,
  4: one('count', 'fixed64'),
  5: one('sum', 'double'),
  6: list('bucketCounts', 'fixed64'),
  7: list('explicitBounds', 'double'),
  ...attributes(9),
  10: one('flags', 'uint32'),
  11: one('min', 'double'),
  12: one('max', 'double'),
});
const buckets = message({ 1: one('offset', 'sint32'), 2: list('bucketCounts', 'uint64') });
const exponentialPoint = message({
  ...attributes(1),
  ...times,
  4: one('count', 'fixed64'),
  5: one('sum', 'double'),
  6: one('scale', 'sint32'),
  7: one('zeroCount', 'fixed64'),
  8: one('positive', () => buckets),
  9: one('negative', () => buckets),
  10: one('flags', 'uint32'),
  12: one('min', 'double'),
  13: one('max', 'double'),
  14: one('zeroThreshold', 'double'),
});
const quantile = message({ 1: one('quantile', 'double'), 2: one('value', 'double') });
const summaryPoint = message({
  ...times,
  4: one('count', 'fixed64'),
  5: one('sum', 'double'),
  6: list('quantileValues', () => quantile),
  ...attributes(7),
  8: one('flags', 'uint32'),
});
const temporality = { 2: one('aggregationTemporality', 'int32') };
const gauge = message({ 1: list('dataPoints', () => numberPoint) });
const sum = message({ 1: list('dataPoints', () => numberPoint), ...temporality, 3: one('isMonotonic', 'bool') });
const histogram = message({ 1: list('dataPoints', () => histogramPoint), ...temporality });
const exponentialHistogram = message({ 1: list('dataPoints', () => exponentialPoint), ...temporality });
const summary = message({ 1: list('dataPoints', () => summaryPoint) });
const metric = message({
  1: one('name', 'string'),
  2: one('description', 'string'),
  3: one('unit', 'string'),
  5: one('gauge', () => gauge),
  7: one('sum', () => sum),
  9: one('histogram', () => histogram),
  10: one('exponentialHistogram', () => exponentialHistogram),
  11: one('summary', () => summary),
});
const scopeMetrics = message({ 1: one('scope', () => scope), 2: list('metrics', () => metric) });
const resourceMetrics = message({ 1: one('resource', () => resource), 2: list('scopeMetrics', () => scopeMetrics) });
export const metricsRequest = message({ 1: list('resourceMetrics', () => resourceMetrics) });

export interface LogsRequest {
  readonly resourceLogs?: readonly {
    readonly resource?: Resource;
    readonly scopeLogs?: readonly { readonly scope?: Scope; readonly logRecords?: readonly LogRecord[] }[];
  }[];
}
export interface LogRecord {
  readonly timeUnixNano?: bigint;
  readonly observedTimeUnixNano?: bigint;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: AnyValue;
  readonly attributes?: readonly KeyValue[];
  readonly traceId?: string;
  readonly spanId?: string;
  readonly eventName?: string;
}

const logRecord = message({
  1: one('timeUnixNano', 'fixed64'),
  2: one('severityNumber', 'int32'),
  3: one('severityText', 'string'),
  5: one('body', () => anyValue),
  ...attributes(6),
  9: one('traceId', 'hex'),
  10: one('spanId', 'hex'),
  11: one('observedTimeUnixNano', 'fixed64'),
  12: one('eventName', 'string'),
});
const scopeLogs = message({ 1: one('scope', () => scope), 2: list('logRecords', () => logRecord) });
const resourceLogs = message({ 1: one('resource', () => resource), 2: list('scopeLogs', () => scopeLogs) });
export const logsRequest = message({ 1: list('resourceLogs', () => resourceLogs) });

export interface TracesRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: Resource;
    readonly scopeSpans?: readonly { readonly scope?: Scope; readonly spans?: readonly Span[] }[];
  }[];
}
export interface Span {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: bigint;
  readonly endTimeUnixNano?: bigint;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly SpanEvent[];
  readonly status?: { readonly message?: string; readonly code?: number };
}
export interface SpanEvent {
  readonly timeUnixNano?: bigint;
  readonly name?: string;
  readonly attributes?: readonly KeyValue[];
}

const spanEvent = message({ 1: one('timeUnixNano', 'fixed64'), 2: one('name', 'string'), ...attributes(3) });
const status = message({ 2: one('message', 'string'), 3: one('code', 'int32') });
const span = message({
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  4: one('parentSpanId', 'hex'),
  5: one('name', 'string'),
  6: one('kind', 'int32'),
  7: one('startTimeUnixNano', 'fixed64'),
  8: one('endTimeUnixNano', 'fixed64'),
  ...attributes(9),
  11: list('events', () => spanEvent),
  15: one('status', () => status),
});
const scopeSpans = message({ 1: one('scope', () => scope), 2: list('spans', () => span) });
const resourceSpans = message({ 1: one('resource', () => resource), 2: list('scopeSpans', () => scopeSpans) });
export const tracesRequest = message({ 1: list('resourceSpans', () => resourceSpans) });
