// How each door makes a `MonitoringEvent` as long as no mapping file says otherwise. docs/ingest.md shows it as a table.

import type { DoorName } from './facts.ts';
import type { DoorMapping } from './rules.ts';

const UNKNOWN = '=unknown';
/** OpenTelemetry's numbers: four of each level. */
const OTLP_SEVERITIES = Object.fromEntries(
  ['DEBUG', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'].flatMap((severity, level) =>
    [1, 2, 3, 4].map((step) => [String(level * 4 + step), severity]),
  ),
);
/** RFC 5424, table 2. */
const SYSLOG_SEVERITIES = Object.fromEntries(
  ['CRITICAL', 'CRITICAL', 'CRITICAL', 'ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG'].map((name, i) => [
    String(i),
    name,
  ]),
);
/** What people write into the label `severity` of an alert. */
const ALERT_SEVERITIES = {
  ...{
    none: 'DEBUG',
    debug: 'DEBUG',
    info: 'INFO',
    informational: 'INFO',
    ok: 'INFO',
    notice: 'NOTICE',
    low: 'NOTICE',
  },
  ...{ warning: 'WARNING', warn: 'WARNING', minor: 'WARNING', medium: 'WARNING', error: 'ERROR', major: 'ERROR' },
  ...{
    high: 'ERROR',
    critical: 'CRITICAL',
    crit: 'CRITICAL',
    page: 'CRITICAL',
    emergency: 'CRITICAL',
    fatal: 'CRITICAL',
  },
};

const OTLP_COMMON = {
  service: ['resource:service.name', UNKNOWN],
  host: ['resource:host.name', 'resource:k8s.pod.name', 'resource:service.instance.id', UNKNOWN],
  timestamp: ['timestamp', 'receivedAt'],
} as const;
const OTLP_OF_RESOURCE = ['service.name', 'host.name'];

export const DEFAULT_MAPPING: Readonly<Record<DoorName, DoorMapping>> = {
  cloudevents: {
    id: { join: ['source', 'id'], with: ' ' },
    service: ['data:service', 'source'],
    host: ['data:host', 'extension:host', 'subject', UNKNOWN],
    kind: ['data:kind', '=CHANGE'],
    name: ['data:name', 'type'],
    severity: ['data:severity', '=INFO'],
    value: ['data:value'],
    unit: ['data:unit'],
    timestamp: ['timestamp', 'receivedAt'],
    labels: {
      from: ['subject', 'dataschema', 'extension:*', 'data:labels.*'],
      without: ['traceparent', 'tracestate'],
    },
    message: ['data:message', 'text'],
    traceId: ['data:traceId'],
  },
  'otlp.metrics': {
    id: {
      hash: ['resource:*', 'scope', 'scope:*', 'name', 'unit', 'type', 'attribute:*', 'start', 'timestamp'],
      prefix: 'otlp-',
    },
    ...asRules(OTLP_COMMON),
    kind: ['=METRIC'],
    name: ['name'],
    value: ['value'],
    unit: ['unit', '='],
    labels: { from: ['resource:*', 'attribute:*'], without: OTLP_OF_RESOURCE },
  },
  'otlp.logs': {
    id: {
      hash: [
        ...['resource:*', 'scope', 'scope:*', 'name', 'severity', 'severityText', 'body', 'attribute:*', 'timestamp'],
        ...['traceId', 'spanId'],
      ],
      prefix: 'otlp-',
      repeats: true,
    },
    ...asRules(OTLP_COMMON),
    kind: ['=LOG'],
    name: ['name', 'scope', '=log'],
    severity: [
      { from: 'severity', values: OTLP_SEVERITIES },
      { from: 'severityText', values: { WARN: 'WARNING', ERROR: 'ERROR', FATAL: 'CRITICAL', DEBUG: 'DEBUG' } },
      '=INFO',
    ],
    labels: { from: ['resource:*', 'attribute:*', 'spanId'], without: OTLP_OF_RESOURCE },
    message: [{ from: 'body', as: 'text' }],
    traceId: ['traceId'],
  },
  'otlp.traces': {
    id: { hash: ['traceId', 'spanId', 'type', 'name', 'timestamp', 'attribute:*'], prefix: 'otlp-', repeats: true },
    ...asRules(OTLP_COMMON),
    kind: [{ from: 'type', values: { span: 'METRIC', event: 'LOG' } }],
    name: ['name'],
    severity: [{ from: 'status', values: { error: 'ERROR' } }, '=INFO'],
    value: ['value'],
    unit: [{ from: 'type', values: { span: 'ms' } }, '='],
    labels: { from: ['resource:*', 'attribute:*', 'kind', 'spanId', 'parentSpanId'], without: OTLP_OF_RESOURCE },
    message: ['statusMessage', 'attribute:exception.message'],
    traceId: ['traceId'],
  },
  prometheus: {
    id: { hash: ['name', 'label:*', 'timestamp'], prefix: 'prom-' },
    service: ['label:job', UNKNOWN],
    host: ['label:instance', UNKNOWN],
    kind: ['=METRIC'],
    name: ['name', UNKNOWN],
    value: ['value'],
    timestamp: ['timestamp'],
    labels: { from: ['label:*'], without: ['job', 'instance'] },
  },
  alertmanager: {
    id: { hash: ['fingerprint', 'label:*', 'status', 'startsAt', 'endsAt'], prefix: 'alert-' },
    service: ['label:service', 'label:job', UNKNOWN],
    host: ['label:instance', 'label:host', 'label:node', UNKNOWN],
    kind: ['=ALERT'],
    name: ['label:alertname', UNKNOWN],
    severity: [
      { from: 'status', values: { resolved: 'INFO' } },
      { from: 'label:severity', values: ALERT_SEVERITIES },
      '=WARNING',
    ],
    timestamp: ['timestamp', 'receivedAt'],
    labels: {
      from: ['label:*', 'status', 'receiver', 'fingerprint', 'annotation:runbook_url', 'generatorUrl'],
      without: ['alertname'],
    },
    message: ['annotation:summary', 'annotation:description', 'annotation:message'],
  },
  syslog: {
    id: { hash: ['raw'], prefix: 'syslog-', repeats: true },
    service: ['appName', UNKNOWN],
    host: ['hostname', 'peer'],
    kind: ['=LOG'],
    name: ['msgId', 'appName', '=syslog'],
    severity: [{ from: 'severity', values: SYSLOG_SEVERITIES }, '=INFO'],
    timestamp: ['timestamp', 'receivedAt'],
    labels: { from: ['facility', 'procId', 'format', 'data:*'] },
    message: ['message'],
  },
};

/** Lists that are shared are readonly; rules are as a file has them. */
function asRules(shared: Readonly<Record<string, readonly string[]>>): DoorMapping {
  return Object.fromEntries(Object.entries(shared).map(([field, sources]) => [field, [...sources]]));
}
