// Filter text to @bufbuild/cel's syntax tree, with the place in the text of every node.

import { parse } from '@bufbuild/cel';
import { reasonOf } from '../errors.ts';
import { MAX_FILTER_CHARACTERS } from './limits.ts';
import type { Place } from './place.ts';
import { filterError, placeIn } from './place.ts';
import { scanFilter } from './scan.ts';

export type Parsed = ReturnType<typeof parse>;
export type SyntaxNode = Parsed['expr'];

export interface ParsedFilter {
  readonly root: SyntaxNode;
  /** The call a macro (exists, all, …) was written as; undefined for other nodes. */
  macroCallOf(node: SyntaxNode): SyntaxNode | undefined;
  placeOf(node: SyntaxNode): Place;
}

/** @throws MdsError `MDS_FILTER_TOO_LONG`, `MDS_FILTER_TOO_DEEP` or `MDS_FILTER_SYNTAX` */
export function parseFilter(text: string): ParsedFilter {
  if (text.length > MAX_FILTER_CHARACTERS) {
    const at = placeIn(text, MAX_FILTER_CHARACTERS, text.length - MAX_FILTER_CHARACTERS);
    throw filterError('MDS_FILTER_TOO_LONG', at, { length: text.length, limit: MAX_FILTER_CHARACTERS });
  }
  if (!text.isWellFormed()) {
    throw filterError('MDS_FILTER_SYNTAX', placeIn(text, 0, 0), { reason: 'it holds half a surrogate pair' });
  }
  const scan = scanFilter(text);
  const parsed = parseText(scan.text);
  const positions = parsed.sourceInfo?.positions ?? {};
  return {
    root: parsed.expr,
    macroCallOf: (node) => parsed.sourceInfo?.macroCalls[String(node.id)],
    placeOf(node) {
      // An operator's position is the blank before it, a selection's the dot: the next token is the one to show.
      const position = positions[String(node.id)] ?? 0;
      const token = scan.tokens.find(({ offset, text: found }) => offset >= position && found !== '.');
      return token === undefined ? placeIn(text, position, 0) : placeIn(text, token.offset, token.text.length);
    },
  };
}

function parseText(text: string): Parsed {
  try {
    return parse(text);
  } catch (cause) {
    throw filterError('MDS_FILTER_SYNTAX', failurePlace(text, cause), { reason: explain(text, cause) }, cause);
  }
}

function failurePlace(text: string, cause: unknown): Place {
  const location = typeof cause === 'object' && cause !== null && 'location' in cause ? cause.location : undefined;
  const start = property(location, 'start');
  const offset = property(start, 'offset');
  const from = typeof offset === 'number' ? offset : 0;
  return placeIn(text, from, /^\w+/.exec(text.slice(from))?.[0].length ?? 1);
}

function explain(text: string, cause: unknown): string {
  const reason = reasonOf(cause).replace(/^<input>:\d+:\d+: /, '');
  if (!reason.includes('reserved identifier')) return reason;
  const { offset, length } = failurePlace(text, cause);
  const name = text.slice(offset, offset + length);
  return `${name} is a reserved word; if it is a field, write event.${name}`;
}

const property = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
