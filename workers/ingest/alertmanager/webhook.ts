// Alertmanager's webhook, version 4, as facts: one event for each alert of the group, firing or resolved.
// Source: prometheus.io/docs/alerting/latest/configuration, "webhook_config".

import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { MdsError } from '../../../schemas/errors.ts';
import type { Facts } from '../mapping/facts.ts';

const Texts = Type.Record(Type.String(), Type.String());
const Alert = Type.Object({
  status: Type.Enum(['firing', 'resolved']),
  labels: Texts,
  annotations: Type.Optional(Texts),
  startsAt: Type.Optional(Type.String()),
  endsAt: Type.Optional(Type.String()),
  generatorURL: Type.Optional(Type.String()),
  fingerprint: Type.Optional(Type.String()),
});
const Webhook = Type.Object({
  version: Type.Literal('4'),
  groupKey: Type.Optional(Type.String()),
  receiver: Type.Optional(Type.String()),
  externalURL: Type.Optional(Type.String()),
  alerts: Type.Array(Alert),
});
const webhook = Compile(Webhook);
const MAX_SHOWN_PROBLEMS = 10;

/** @throws MdsError `MDS_REQUEST_INVALID` */
export function alertFacts(json: unknown, nowMicros: number): Facts[] {
  if (!webhook.Check(json)) {
    const problems = [...webhook.Errors(json)].slice(0, MAX_SHOWN_PROBLEMS);
    throw new MdsError('MDS_REQUEST_INVALID', {
      problems: problems.map(({ instancePath, message }) => `$${instancePath.replaceAll('/', '.')}: ${message}`),
    });
  }
  const { receiver, groupKey, externalURL: externalUrl } = json;
  return json.alerts.map(({ status, labels, annotations = {}, startsAt, endsAt, generatorURL, fingerprint }): Facts => {
    const ends = status === 'resolved' ? endsAt : undefined; // while it fires it is the time it would end, and moves
    return {
      plain: {
        ...{ status, receiver, groupKey, externalUrl, fingerprint, startsAt, endsAt: ends },
        generatorUrl: generatorURL,
        timestamp: microsOfIso(ends ?? startsAt),
        receivedAt: nowMicros,
      },
      groups: { label: labels, annotation: annotations },
    };
  });
}

const MICROS_PER_MS = 1000;

/** Go's zero time, the year 1, says that there is none. */
function microsOfIso(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms * MICROS_PER_MS;
}
