// What OTLP answers: an Export…ServiceResponse, with a partial success when something was rejected; else a google.rpc.Status.
// In the form in which the request came.

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DoorAnswer } from './door.ts';

const RPC_CODES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  413: 3,
  415: 3,
  429: 8,
  503: 14,
  504: 4,
};
const UNKNOWN_CODE = 2;
/** What exporters send again; every other status is final to them. */
const RETRYABLE_STATUSES = [429, 502, 503, 504];

/** @param rejectedName the JSON name of the count; in protobuf it has number 1 in all three */
export function successAnswer(rejectedName: string, rejected: number, reason: string, isJson: boolean): DoorAnswer {
  if (isJson) {
    const partialSuccess = { [rejectedName]: String(rejected), errorMessage: reason };
    return json(200, rejected === 0 ? {} : { partialSuccess });
  }
  const writer = new BinaryWriter();
  if (rejected > 0) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.Varint).int64(rejected);
    writer.tag(2, WireType.LengthDelimited).string(reason);
    writer.join();
  }
  return protobuf(200, writer.finish());
}

export function errorAnswer(status: number, message: string, retryable: boolean, isJson: boolean): DoorAnswer {
  const said = retryable && !RETRYABLE_STATUSES.includes(status) ? 503 : status;
  const code = RPC_CODES[said] ?? UNKNOWN_CODE;
  if (isJson) return json(said, { code, message });
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int32(code);
  writer.tag(2, WireType.LengthDelimited).string(message);
  return protobuf(said, writer.finish());
}

const json = (status: number, body: object): DoorAnswer => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});

const protobuf = (status: number, body: Uint8Array): DoorAnswer => ({
  status,
  contentType: 'application/x-protobuf',
  body,
});
