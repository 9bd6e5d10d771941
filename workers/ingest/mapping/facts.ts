// What a door has read of one event in a foreign format, flat: plain facts by name, and groups of facts whose names the
// sender chooses. Mappings say which of them becomes what.

export type Fact = string | number | boolean | null | undefined;

export interface Facts {
  readonly plain: Readonly<Record<string, Fact>>;
  /** Values are JSON: most senders have texts only. */
  readonly groups: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What there is to map at each door, by the name that mapping files use. */
export const DOOR_FACTS = {
  cloudevents: {
    plain: [
      'id',
      'source',
      'type',
      'subject',
      'time',
      'timestamp',
      'receivedAt',
      'dataschema',
      'datacontenttype',
      'text',
    ],
    groups: ['data', 'extension'],
  },
  'otlp.metrics': {
    plain: [
      'name',
      'description',
      'unit',
      'value',
      'type',
      'temporality',
      'monotonic',
      'start',
      'timestamp',
      'scope',
      'receivedAt',
    ],
    groups: ['resource', 'scope', 'attribute'],
  },
  'otlp.logs': {
    plain: ['name', 'severity', 'severityText', 'body', 'timestamp', 'traceId', 'spanId', 'scope', 'receivedAt'],
    groups: ['resource', 'scope', 'attribute'],
  },
  'otlp.traces': {
    plain: [
      ...['name', 'kind', 'type', 'status', 'statusMessage', 'value', 'timestamp', 'start', 'traceId', 'spanId'],
      ...['parentSpanId', 'scope', 'receivedAt'],
    ],
    groups: ['resource', 'scope', 'attribute'],
  },
  prometheus: { plain: ['name', 'value', 'timestamp'], groups: ['label'] },
  alertmanager: {
    plain: [
      ...['status', 'receiver', 'groupKey', 'fingerprint', 'generatorUrl', 'externalUrl', 'startsAt', 'endsAt'],
      ...['timestamp', 'receivedAt'],
    ],
    groups: ['label', 'annotation'],
  },
  syslog: {
    plain: [
      ...['facility', 'severity', 'hostname', 'appName', 'procId', 'msgId', 'message', 'timestamp', 'raw', 'peer'],
      ...['format', 'receivedAt'],
    ],
    groups: ['data'],
  },
} as const satisfies Record<string, { readonly plain: readonly string[]; readonly groups: readonly string[] }>;

export type DoorName = keyof typeof DOOR_FACTS;

/** A fact as the text of a label. */
export function textOfFact(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
