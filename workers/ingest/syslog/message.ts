// A syslog message (RFC 5424) as facts. What is none by that grammar, such as the older RFC 3164, is not thrown away: its text
// is the message, `format` says so, and what cannot be known is not there. Pure.

import { isUtf8 } from 'node:buffer';
import { unitsOfIsoTime } from '../../../schemas/avro/event-json.ts';
import type { Facts } from '../mapping/facts.ts';

/** Structured data that carries the API key; 32473 is the enterprise number for examples (RFC 5612). */
export const TOKEN_ELEMENT = 'mds@32473';
const TOKEN_NAME = 'token';

export interface SyslogMessage {
  readonly facts: Facts;
  /** Nowhere in the facts. */
  readonly token: string | null;
}

const PRI = /^<(\d{1,3})>/;
const MAX_PRI = 191;
const HEADER =
  /^<\d{1,3}>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) /;
const BOM = '\ufeff';
const NIL = '-';

/** @param peer address of the sender */
export function readSyslog(bytes: Buffer, peer: string, nowMicros: number): SyslogMessage {
  const text = isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1');
  const header = HEADER.exec(text);
  const data = header ? structuredData(text, header[0].length) : null;
  const pri = priorityOf(text);
  const common = { ...pri, peer, receivedAt: nowMicros };
  if (!header || !data || pri === null) {
    const message = withoutTokens(text);
    return {
      facts: { plain: { ...common, message, raw: message, format: 'other' }, groups: { data: {} } },
      token: null,
    };
  }
  const rest = text.slice(data.end);
  const message = rest.startsWith(' ') ? rest.slice(1) : '';
  const [, time = NIL, hostname = NIL, appName = NIL, procId = NIL, msgId = NIL] = header;
  const units = time === NIL ? null : unitsOfIsoTime(time, 'timestamp-micros');
  const plain = {
    ...common,
    hostname: notNil(hostname),
    appName: notNil(appName),
    procId: notNil(procId),
    msgId: notNil(msgId),
    message: withoutTokens(message.startsWith(BOM) ? message.slice(1) : message),
    timestamp: units === null ? undefined : Number(units),
    raw: text.slice(0, header[0].length) + data.withoutToken + withoutTokens(rest),
  };
  return { facts: { plain, groups: { data: data.members } }, token: data.token };
}

/** A message that is damaged may have the element where nobody looks for it, and a key must be in no event. */
const withoutTokens = (text: string): string =>
  text.includes(`[${TOKEN_ELEMENT}`) ? text.replace(/token="[^"]*"?/g, 'token="…"') : text;

const notNil = (value: string): string | undefined => (value === NIL ? undefined : value);

function priorityOf(text: string): { readonly facility: number; readonly severity: number } | null {
  const digits = PRI.exec(text)?.[1];
  const pri = digits === undefined ? Number.NaN : Number(digits);
  return pri >= 0 && pri <= MAX_PRI ? { facility: Math.floor(pri / 8), severity: pri % 8 } : null;
}

interface StructuredData {
  /** `id.name` → value. */
  readonly members: Readonly<Record<string, string>>;
  readonly token: string | null;
  /** The text without what carries the token. */
  readonly withoutToken: string;
  readonly end: number;
}

const ELEMENT = /\[([^ =\]"\p{Cc}]{1,128})((?: [^ =\]"\p{Cc}]{1,32}="(?:[^"\\\]]|\\.)*")*)\]/suy;
const PARAMETER = / ([^ =]+)="((?:[^"\\\]]|\\.)*)"/gsu;

/** @returns null when there is none by the grammar */
function structuredData(text: string, start: number): StructuredData | null {
  if (text[start] === NIL) return { members: {}, token: null, withoutToken: NIL, end: start + 1 };
  const members: Record<string, string> = Object.create(null);
  let token: string | null = null;
  let withoutToken = '';
  let end = start;
  for (;;) {
    ELEMENT.lastIndex = end;
    const element = ELEMENT.exec(text);
    if (!element) break;
    const [whole, id = '', parameters = ''] = element;
    for (const [, name = '', value = ''] of parameters.matchAll(PARAMETER)) {
      const plain = value.replace(/\\(["\\\]])/g, '$1');
      if (id === TOKEN_ELEMENT && name === TOKEN_NAME) token = plain;
      else members[`${id}.${name}`] = plain;
    }
    if (id !== TOKEN_ELEMENT) withoutToken += whole;
    end += whole.length;
  }
  const isEnd = end === text.length || text[end] === ' ';
  return end > start && isEnd ? { members, token, withoutToken: withoutToken || NIL, end } : null;
}
