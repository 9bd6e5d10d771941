// OTLP/HTTP with the real OpenTelemetry SDK: what its exporters send, as protobuf and as JSON, stands in Kafka as events.

import { SpanStatusCode } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as JsonLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as JsonMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtoMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import t from 'tap';
import { IngestStage, type MonitoringEvent } from './ingest-harness.ts';

t.setTimeout(120_000);
process.env.OTEL_EXPORTER_OTLP_COMPRESSION = 'gzip'; // the exporters read it

const resource = resourceFromAttributes({ 'service.name': 'shop', 'host.name': 'web-1', 'cloud.region': 'eu-1' });
const FORMS = [
  ['JSON', JsonMetricExporter, JsonLogExporter, JsonTraceExporter],
  ['protobuf', ProtoMetricExporter, ProtoLogExporter, ProtoTraceExporter],
] as const;

t.test('the OTLP doors', async (t) => {
  const stage = await IngestStage.start(t);
  for (const [form, MetricExporter, LogExporter, TraceExporter] of FORMS) {
    await t.test(`the SDK's exporters, ${form}, gzip`, async (t) => {
      const topic = await stage.topic(`otlp-${form.toLowerCase()}`);
      const to = (signal: string) => ({ url: `${stage.door.httpUrl}/v1/otlp/${topic.name}/v1/${signal}` });

      const reader = new PeriodicExportingMetricReader({
        exporter: new MetricExporter(to('metrics')),
        exportIntervalMillis: 3_600_000,
      });
      const meters = new MeterProvider({ resource, readers: [reader] });
      const meter = meters.getMeter('test', '1');
      meter.createCounter('orders', { unit: '1' }).add(5, { shop: 'berlin' });
      meter.createGauge('temperature', { unit: 'Cel' }).record(21.5);
      meter.createHistogram('latency', { unit: 'ms', advice: { explicitBucketBoundaries: [10, 100] } }).record(42);
      await meters.shutdown();

      const logs = new LoggerProvider({
        resource,
        processors: [new SimpleLogRecordProcessor({ exporter: new LogExporter(to('logs')) })],
      });
      const record = {
        severityNumber: SeverityNumber.ERROR,
        body: 'it broke',
        attributes: { code: 7 },
        timestamp: 1e12,
      };
      logs.getLogger('app').emit(record);
      logs.getLogger('app').emit({ ...record, severityNumber: SeverityNumber.WARN, body: { nested: [1, true] } });
      await logs.forceFlush();
      await logs.shutdown();

      const traces = new TracerProvider({
        resource,
        spanProcessors: [new SimpleSpanProcessor({ exporter: new TraceExporter(to('traces')) })],
      });
      const span = traces.getTracer('app').startSpan('GET /', { startTime: 1e12, attributes: { 'http.status': 500 } });
      span.recordException(new Error('no such thing'), 1e12 + 5);
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'failed' });
      span.end(1e12 + 12);
      await traces.forceFlush();
      await traces.shutdown();

      const events = (await stage.stored(topic)).map(({ event }) => event);
      const named = (name: string): MonitoringEvent[] => events.filter((event) => event.name === name);
      for (const event of events)
        t.match(event, { service: 'shop', host: 'web-1', labels: { 'cloud.region': 'eu-1' } });
      t.match(named('orders'), [{ kind: 'METRIC', value: 5, unit: '1', labels: { shop: 'berlin' } }]);
      t.match(named('temperature'), [{ value: 21.5, unit: 'Cel' }]);
      t.match(named('latency.count'), [{ value: 1, unit: '1' }]);
      t.match(named('latency.sum'), [{ value: 42, unit: 'ms' }]);
      t.same(
        named('latency.bucket')
          .map(({ labels, value }) => [labels.le, value])
          .sort(),
        [
          ['+Inf', 1],
          ['10', 0],
          ['100', 1],
        ],
      );
      t.match(
        named('app').toSorted((a, b) => (a.severity < b.severity ? -1 : 1)),
        [
          { kind: 'LOG', severity: 'ERROR', message: 'it broke', timestamp: 1e15, labels: { code: '7' } },
          { kind: 'LOG', severity: 'WARNING', message: '{"nested":[1,true]}' },
        ],
      );
      t.match(named('GET /'), [
        {
          ...{ kind: 'METRIC', value: 12, unit: 'ms', severity: 'ERROR', message: 'failed', timestamp: 1e15 + 12_000 },
          ...{
            traceId: /^[0-9a-f]{32}$/,
            labels: { kind: 'internal', spanId: /^[0-9a-f]{16}$/, 'http.status': '500' },
          },
        },
      ]);
      t.match(named('exception'), [{ kind: 'LOG', severity: 'ERROR', message: 'no such thing' }]);
    });
  }

  await t.test('a request that is sent again is written once, though OTLP knows no ids', async (t) => {
    const topic = await stage.topic('otlp-again');
    const logRecords = [1, 1, 2].map((time) => ({ timeUnixNano: `${time}000000000`, body: { stringValue: 'same' } }));
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
    const headers = { 'content-type': 'application/json' };
    for (let i = 0; i < 3; i++) {
      t.match(await stage.post(`/v1/otlp/${topic.name}/v1/logs`, body, headers), { status: 200, text: '{}' });
    }
    t.equal((await stage.stored(topic)).length, 3, 'two that look the same in one request are two');
  });

  await t.test('what does not fit is a partial success, what is damaged is 400, as OTLP says', async (t) => {
    const strict = {
      type: 'record',
      name: 'Strict',
      fields: [
        { name: 'id', type: 'string' },
        ...['service', 'host', 'name', 'unit'].map((name) => ({ name, type: 'string' })),
        { name: 'kind', type: { type: 'enum', name: 'K', symbols: ['METRIC'] } },
        { name: 'value', type: 'int' },
        { name: 'timestamp', type: { type: 'long', logicalType: 'timestamp-micros' } },
        { name: 'labels', type: { type: 'map', values: 'string' } },
      ],
    };
    const topic = await stage.topic('otlp-partial', strict);
    const path = `/v1/otlp/${topic.name}/v1/metrics`;
    const headers = { 'content-type': 'application/json' };
    const dataPoints = [1, 1.5].map((asDouble) => ({ asDouble, timeUnixNano: String(asDouble * 1e12) }));
    const metrics = [{ name: 'm', gauge: { dataPoints } }];
    const body = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
    const answer = await stage.post(path, body, headers);
    t.match(
      [answer.status, JSON.parse(answer.text)],
      [200, { partialSuccess: { rejectedDataPoints: '1', errorMessage: /\$\.value/ } }],
    );
    t.match(await stage.post(path, '{"resourceMetrics":[7]}', headers), {
      status: 400,
      text: /"code":3,.*resourceMetrics\[0\]/,
    });
    const protobuf = { 'content-type': 'application/x-protobuf' };
    const damaged = await stage.post(path, Buffer.from([0x0a, 0x7f, 1]), protobuf);
    t.equal(damaged.status, 400);
    t.equal(damaged.headers.get('content-type'), 'application/x-protobuf');
    t.match(await stage.post(path, '', protobuf), { status: 200, text: '' }, 'nothing is a success too');
    t.match(await stage.post('/v1/otlp/none/v1/logs', '{}', headers), { status: 404, text: /"code":5/ });
  });
});
