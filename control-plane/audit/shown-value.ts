// What of a value may stand in the audit log: no secrets, and no more than a screen full. Pure.

/** 16 KiB: a subscription has one, a topic without its schema half of it. */
const MAX_JSON_BYTES = 16_384;
const MAX_DEPTH = 12;

const SECRET_NAME = /secret|passw|credential|authorization|api.?key$|private.?key|token/i;
/** API keys and JWTs, wherever they stand in a text; and the password in a URL. */
const SECRET_TEXT = /mds_[A-Za-z0-9]+_[A-Za-z0-9_-]+|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=\/\/[^/\s:@]*:)[^/\s@]+(?=@)/g;
const HIDDEN = '(not shown)';

/** @returns a copy to be kept; `{ tooLarge: bytes }` in place of what is too long */
export function shownValue(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  const shown = copyOf(value, 0);
  const bytes = Buffer.byteLength(JSON.stringify(shown) ?? '');
  return bytes > MAX_JSON_BYTES ? { tooLarge: bytes } : shown;
}

function copyOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.replaceAll('\u0000', '\ufffd').replace(SECRET_TEXT, HIDDEN);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (depth >= MAX_DEPTH) return HIDDEN;
  if (Array.isArray(value)) return value.map((item) => copyOf(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const isSecret = SECRET_NAME.test(name) && (typeof member === 'string' || Array.isArray(member));
      return [name, isSecret ? HIDDEN : copyOf(member, depth + 1)];
    }),
  );
}
