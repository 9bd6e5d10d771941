// Whether two JSON texts say the same: the order of members and the form of numbers aside.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws when the bytes are not UTF-8 or not JSON */
export const utf8Json = (bytes: Uint8Array): unknown => JSON.parse(decoder.decode(Uint8Array.from(bytes)));

/** 0 and -0 are the same: JSON readers differ on them. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(own(a, key), own(b, key)));
}

/** Reads a member also when it is called `__proto__`. */
const own = (of: object, key: string): unknown => Object.getOwnPropertyDescriptor(of, key)?.value;
