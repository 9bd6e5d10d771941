// Log records of OpenTelemetry as facts: one event each.

import type { Facts } from '../mapping/facts.ts';
import { attributesOf, jsonOf, microsOf, surroundingsOf } from './common.ts';
import type { LogsRequest } from './messages.ts';

export function logFacts({ resourceLogs = [] }: LogsRequest, nowMicros: number): Facts[] {
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ scope, logRecords = [] }) => {
      const { scopeName, groups } = surroundingsOf(resource, scope);
      return logRecords.map((record): Facts => {
        const body = record.body === undefined ? undefined : jsonOf(record.body);
        return {
          plain: {
            name: record.eventName,
            severity: record.severityNumber,
            severityText: record.severityText,
            body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
            timestamp: microsOf(record.timeUnixNano) ?? microsOf(record.observedTimeUnixNano),
            receivedAt: nowMicros,
            traceId: record.traceId,
            spanId: record.spanId,
            scope: scopeName,
          },
          groups: { ...groups, attribute: attributesOf(record.attributes) },
        };
      });
    }),
  );
}
