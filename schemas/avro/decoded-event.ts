// What a decoded event looks like, for everyone who decodes with avsc or reads what was decoded. avsc itself stays out of
// schemas/ (it does not run in a browser); it is passed in.
//
//   Avro                          decoded
//   int, float, double            number
//   long                          number within ±(2^53-1), bigint beyond
//   string, enum                  string
//   bytes, fixed                  Uint8Array (Buffer in Node)
//   array                         Array
//   map                           object with string keys
//   record                        object
//   union of null and one type    null or that type's value, plain
//   every other union             null, or { [branch]: value } with the branch's full name, as avsc wraps unions
//
// A logical type is decoded as the type below it: a timestamp-micros is a long.

/** One event as decoded with its WRITER's schema. */
export type DecodedEvent = Readonly<Record<string, unknown>>;

/** The parts of avsc that are needed here. */
interface Avsc<Type> {
  readonly Type: { forSchema(schema: never, options?: object): Type };
  readonly types: { readonly LongType: { __with(methods: object, noUnpack?: boolean): unknown } };
}

/**
 * The avsc type that decodes (and encodes) as described above.
 *
 * @param avsc the avsc module
 * @param schema schema JSON
 */
export function avscTypeOf<Type>(avsc: Avsc<Type>, schema: unknown): Type {
  const longType = avsc.types.LongType.__with(LONG_METHODS);
  const inside = new Set<unknown>();
  const typeHook = (json: unknown, options: { wrapUnions?: string | undefined }): unknown => {
    if (isLong(json)) return longType;
    if (!Array.isArray(json) || inside.has(json)) return undefined;
    // avsc decides for itself which unions it wraps, by rules that custom longs confuse; so each union is told.
    const before = options.wrapUnions;
    inside.add(json);
    options.wrapUnions = json.length === 2 && json.includes('null') ? 'never' : 'always';
    try {
      return avsc.Type.forSchema(json as never, options);
    } finally {
      inside.delete(json);
      options.wrapUnions = before;
    }
  };
  return avsc.Type.forSchema(schema as never, { typeHook });
}

function isLong(json: unknown): boolean {
  if (typeof json !== 'object' || json === null || !('type' in json)) return json === 'long';
  return json.type === 'long';
}

const TWO_32 = 2 ** 32;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** avsc's hooks for a custom long; buffers are 8 bytes, little endian. */
const LONG_METHODS = {
  fromBuffer(bytes: Uint8Array): number | bigint {
    const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
    const value = view.getInt32(4, true) * TWO_32 + view.getUint32(0, true);
    return Number.isSafeInteger(value) ? value : view.getBigInt64(0, true);
  },
  toBuffer(value: number | bigint): Uint8Array {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
    // avsc packs with Buffer's own methods; where there is no Buffer, avsc brings one as a global too.
    return globalThis.Buffer?.from(bytes.buffer) ?? bytes;
  },
  fromJSON: (value: number | string): number | bigint => normalLong(BigInt(value)),
  toJSON: (value: number | bigint): number | string => (typeof value === 'bigint' ? value.toString() : value),
  isValid: (value: unknown): boolean =>
    Number.isSafeInteger(value) || (typeof value === 'bigint' && value >= INT64_MIN && value <= INT64_MAX),
  compare: (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0),
};

/** A 64-bit integer as decoded events hold it: a number where that is exact. */
export function normalLong(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
