// Protobuf's binary form by a table of fields. Unknown fields are skipped, as protobuf wants it; everything else that does not
// fit is refused. Source: protobuf.dev, "Encoding".

import { isUtf8 } from 'node:buffer';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { type Field, MAX_DEPTH, type Message, type Scalar } from './message.ts';

/** @throws MdsError `MDS_REQUEST_INVALID` */
export function readBinary(message: Message, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return messageOf(message, bytes, 0);
  } catch (cause) {
    if (cause instanceof MdsError) throw cause;
    throw invalid(reasonOf(cause), cause); // what the library says of damaged bytes
  }
}

const invalid = (reason: string, cause?: unknown): MdsError =>
  new MdsError('MDS_REQUEST_INVALID', { problems: [`the body is not the protobuf message: ${reason}`] }, { cause });

function messageOf(message: Message, bytes: Uint8Array, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw invalid(`it nests more than ${MAX_DEPTH} levels deep`);
  const reader = new BinaryReader(bytes);
  const read: Record<string, unknown> = {};
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (wireType === WireType.StartGroup || wireType === WireType.EndGroup) throw invalid('it has a group');
    const field = message.get(number);
    if (field) readField(reader, field, wireType, read, depth);
    else reader.skip(wireType, number);
    if (reader.pos > reader.len) throw invalid('it ends in the middle of a field');
  }
  return read;
}

function readField(
  reader: BinaryReader,
  { name, type, isList }: Field,
  wireType: WireType,
  read: Record<string, unknown>,
  depth: number,
): void {
  if (typeof type !== 'string') {
    expect(name, wireType, WireType.LengthDelimited);
    const value = messageOf(type(), reader.bytes(), depth + 1);
    if (isList) append(read, name, value);
    else read[name] = value;
    return;
  }
  const own = WIRE_TYPES[type];
  if (isList && wireType === WireType.LengthDelimited && own !== WireType.LengthDelimited) {
    const end = reader.uint32() + reader.pos;
    if (end > reader.len) throw invalid(`${name} ends behind its message`);
    while (reader.pos < end) append(read, name, scalarOf(reader, type));
    if (reader.pos !== end) throw invalid(`${name} is packed wrongly`);
    return;
  }
  expect(name, wireType, own);
  if (isList) append(read, name, scalarOf(reader, type));
  else read[name] = scalarOf(reader, type);
}

function append(read: Record<string, unknown>, name: string, value: unknown): void {
  const items = read[name];
  if (Array.isArray(items)) items.push(value);
  else read[name] = [value];
}

function expect(name: string, found: WireType, wanted: WireType): void {
  if (found !== wanted) throw invalid(`${name} has wire type ${found} instead of ${wanted}`);
}

const WIRE_TYPES: Readonly<Record<Scalar, WireType>> = {
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  hex: WireType.LengthDelimited,
  bool: WireType.Varint,
  double: WireType.Bit64,
  int32: WireType.Varint,
  sint32: WireType.Varint,
  uint32: WireType.Varint,
  int64: WireType.Varint,
  uint64: WireType.Varint,
  fixed64: WireType.Bit64,
  sfixed64: WireType.Bit64,
};

function scalarOf(reader: BinaryReader, type: Scalar): unknown {
  switch (type) {
    case 'string':
      return textOf(reader.bytes());
    case 'bytes':
      return Buffer.from(reader.bytes());
    case 'hex':
      return Buffer.from(reader.bytes()).toString('hex');
    case 'int64':
    case 'uint64':
    case 'fixed64':
    case 'sfixed64':
      return BigInt(reader[type]());
    default:
      return reader[type]();
  }
}

function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw invalid('a string is not UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
