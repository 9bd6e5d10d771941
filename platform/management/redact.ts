// Takes secrets out of a text that people will read: whatever looks like a credential. Pure.

const MASK = '***';
/** One sentence of an error; the rest stands in the log. */
const MAX_CHARS = 300;

const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/\bmds_([A-Za-z0-9]+)_[A-Za-z0-9_-]+/g, `mds_$1_${MASK}`], // an API key; its id may be seen
  [/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*/g, MASK], // a token (JWT)
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${MASK}`],
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, `$1:${MASK}@`], // user:password@ of a URL
  [/\b(password|passwd|secret|token|api[_-]?key)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi, `$1$2${MASK}`],
];

export function withoutSecrets(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of SECRETS) clean = clean.replace(pattern, replacement);
  return clean.length > MAX_CHARS ? `${clean.slice(0, MAX_CHARS)}…` : clean;
}
