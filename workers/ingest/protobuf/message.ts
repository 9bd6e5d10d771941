// What a protobuf message looks like, as far as the doors read it: a table of its fields by number. The same table reads the
// binary form and the JSON form, so that both come out as the same objects.
//
//   string → string · bytes → Buffer · hex → lower-case hex (OTLP's ids) · 64-bit integers → bigint · other numbers → number

export type Scalar =
  | 'string'
  | 'bytes'
  | 'hex'
  | 'bool'
  | 'double'
  | 'int32'
  | 'sint32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'fixed64'
  | 'sfixed64';

export interface Field {
  readonly name: string;
  /** A function, since messages may contain themselves. */
  readonly type: Scalar | (() => Message);
  readonly isList: boolean;
}

export type Message = ReadonlyMap<number, Field>;

type FieldType = Field['type'];

export const one = (name: string, type: FieldType): Field => ({ name, type, isList: false });
export const list = (name: string, type: FieldType): Field => ({ name, type, isList: true });
export const message = (fields: Readonly<Record<number, Field>>): Message =>
  new Map(Object.entries(fields).map(([number, field]) => [Number(number), field]));

/** AnyValue nests as deep as the sender likes. */
export const MAX_DEPTH = 64;
