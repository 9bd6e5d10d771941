// What metrics, logs and traces of OpenTelemetry have in common: values, attributes, times.

import type { AnyValue, KeyValue, Resource, Scope } from './messages.ts';

/** As JSON: what a label says, and what a message's text is made of. */
export function jsonOf(value: AnyValue | undefined): unknown {
  if (value === undefined) return null;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return exact(value.intValue);
  if (value.doubleValue !== undefined) {
    return Number.isFinite(value.doubleValue) ? value.doubleValue : String(value.doubleValue);
  }
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(jsonOf);
  if (value.kvlistValue !== undefined) return attributesOf(value.kvlistValue.values);
  return value.bytesValue?.toString('base64') ?? null;
}

/** A text where a number would lose digits. */
const exact = (value: bigint): number | string =>
  Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();

export function attributesOf(attributes: readonly KeyValue[] = []): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key = '', value }) => [key, jsonOf(value)]));
}

/** Of a resource and a scope: the same for all that stands in them. */
export function surroundingsOf(resource: Resource | undefined, scope: Scope | undefined) {
  return {
    scopeName: scope?.name ?? '',
    groups: { resource: attributesOf(resource?.attributes), scope: attributesOf(scope?.attributes) },
  };
}
export type Surroundings = ReturnType<typeof surroundingsOf>;

/** @returns microseconds since 1970; undefined for 0, which says that it is not known */
export const microsOf = (nanos: bigint | undefined): number | undefined =>
  nanos === undefined || nanos === 0n ? undefined : Number(nanos / 1000n);

export const textOfLong = (value: bigint | undefined): string | undefined =>
  value === undefined || value === 0n ? undefined : value.toString();
