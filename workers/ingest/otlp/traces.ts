// Spans of OpenTelemetry as facts: a span is one event, at its end, with its duration in milliseconds as its value; and each
// of its own events (exceptions, say) is another one.

import type { Facts } from '../mapping/facts.ts';
import { attributesOf, microsOf, type Surroundings, surroundingsOf, textOfLong } from './common.ts';
import type { Span, TracesRequest } from './messages.ts';

/** Facts, and which of the request's spans each belongs to. */
export interface SpanFacts {
  readonly span: number;
  readonly facts: Facts;
}

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['', 'ok', 'error'];
const NANOS_PER_MS = 1e6;

export function spanFacts({ resourceSpans = [] }: TracesRequest, nowMicros: number): SpanFacts[] {
  let count = 0;
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope, spans = [] }) => {
      const surroundings = surroundingsOf(resource, scope);
      return spans.flatMap((span) => {
        const number = count++;
        return factsOf(span, surroundings, nowMicros).map((facts) => ({ span: number, facts }));
      });
    }),
  );
}

function factsOf(span: Span, { scopeName, groups }: Surroundings, nowMicros: number): Facts[] {
  const { startTimeUnixNano: start = 0n, endTimeUnixNano: end = 0n, events = [] } = span;
  const common = {
    kind: KINDS[span.kind ?? 0] ?? '',
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    scope: scopeName,
    receivedAt: nowMicros,
  };
  const own: Facts = {
    plain: {
      ...common,
      type: 'span',
      name: span.name === undefined || span.name === '' ? 'span' : span.name,
      status: STATUSES[span.status?.code ?? 0] ?? '',
      statusMessage: span.status?.message,
      value: end >= start && start > 0n ? Number(end - start) / NANOS_PER_MS : null,
      timestamp: microsOf(end),
      start: textOfLong(start),
    },
    groups: { ...groups, attribute: attributesOf(span.attributes) },
  };
  const others = events.map(
    ({ name, timeUnixNano, attributes }): Facts => ({
      plain: {
        ...common,
        type: 'event',
        name: name === undefined || name === '' ? 'event' : name,
        status: name === 'exception' ? 'error' : '',
        timestamp: microsOf(timeUnixNano) ?? microsOf(end),
      },
      groups: { ...groups, attribute: attributesOf(attributes) },
    }),
  );
  return [own, ...others];
}
