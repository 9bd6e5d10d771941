// The tokens of a filter. @bufbuild/cel's parser says only that something is wrong near some character; this pass, which
// runs before it, finds the mistakes people make (unclosed strings and brackets, `=`, `and`, a missing operand) and says
// what to do. It also bounds nesting before a recursive parser sees the text, and blanks comments.

import { MAX_FILTER_DEPTH } from './limits.ts';
import { filterError, placeIn } from './place.ts';

export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'sign';
  readonly text: string;
  readonly offset: number;
}

export interface Scan {
  /** The text with comments blanked: same length, same offsets. */
  readonly text: string;
  readonly tokens: readonly Token[];
}

const PATTERNS: readonly (readonly [Token['kind'] | 'space', RegExp])[] = [
  ['space', /[ \t\r\n\f]+|\/\/[^\n]*/y],
  ['string', /[rRbB]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?''')/y],
  ['string', /(?:[rR][bB]?|[bB][rR])(?:"[^"\n]*"|'[^'\n]*')/y],
  ['string', /[bB]?(?:"(?!"")(?:[^"\\\n]|\\.)*"|'(?!'')(?:[^'\\\n]|\\.)*')/y],
  ['number', /0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?/y],
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['sign', /&&|\|\||==|!=|<=|>=|[<>!+\-*/%?:.,()[\]{}]/y],
];

const WORD_OPERATORS: Readonly<Record<string, string>> = { and: '&&', or: '||', not: '!', is: '==', like: 'matches()' };
const HINTS: Readonly<Record<string, string>> = {
  '=': 'write == to compare',
  '&': 'write && for "and"',
  '|': 'write || for "or"',
  ';': 'a filter is one expression',
  '"': 'this string is never closed',
  "'": 'this string is never closed',
};
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** @throws MdsError `MDS_FILTER_SYNTAX` or `MDS_FILTER_TOO_DEEP` with the place */
export function scanFilter(source: string): Scan {
  const tokens: Token[] = [];
  let text = '';
  let offset = 0;
  while (offset < source.length) {
    const [kind, found] = matchAt(source, offset);
    text += kind === 'space' ? ' '.repeat(found.length) : found;
    if (kind !== 'space') tokens.push({ kind, text: found, offset });
    offset += found.length;
  }
  checkOrder(source, tokens);
  return { text, tokens };
}

function matchAt(source: string, offset: number): readonly [Token['kind'] | 'space', string] {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = offset;
    const found = pattern.exec(source)?.[0];
    if (found !== undefined) return [kind, found];
  }
  const char = String.fromCodePoint(source.codePointAt(offset) ?? 0);
  const reason = `unexpected ${JSON.stringify(char)}; ${HINTS[char] ?? 'remove it'}`;
  throw filterError('MDS_FILTER_SYNTAX', placeIn(source, offset, char.length), { reason });
}

/** Walks the tokens with two states, "a value must come" and "an operator must come", and a stack of brackets. */
function checkOrder(source: string, tokens: readonly Token[]): void {
  const open: Token[] = [];
  let wantsValue = true;
  let previous: Token | undefined;
  const fail = (token: Token, reason: string): never => {
    throw filterError('MDS_FILTER_SYNTAX', placeIn(source, token.offset, token.text.length), { reason });
  };
  for (const token of tokens) {
    const { text } = token;
    if (token.kind !== 'sign') {
      if (previous?.text === '.' && token.kind === 'name') wantsValue = false;
      else if (!wantsValue && text === 'in') wantsValue = true;
      else if (!wantsValue) fail(token, `expected an operator before ${text}${wordHint(text)}`);
      else if (text === 'in') fail(token, 'expected a value before in');
      else wantsValue = false;
    } else if (text in CLOSING) {
      const follows = previous !== undefined && !wantsValue;
      if (follows && text === '(' && previous?.kind !== 'name') fail(token, 'expected an operator before (');
      open.push(token);
      wantsValue = true;
      if (open.length > MAX_FILTER_DEPTH) throw tooDeep(source, token, open.length);
    } else if (text === ')' || text === ']' || text === '}') {
      closeBracket(token, previous, open.pop(), wantsValue, fail);
      wantsValue = false;
    } else if (wantsValue && text !== '!' && text !== '-' && !(text === '.' && previous?.text !== '.')) {
      fail(token, `expected a value before ${text}`);
    } else if (!wantsValue && text === '!') {
      fail(token, 'expected an operator before !');
    } else {
      wantsValue = true;
    }
    previous = token;
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined) fail(unclosed, `this ${unclosed.text} is never closed`);
  if (wantsValue) {
    const reason = previous === undefined ? 'it is empty' : `it ends where a value must follow ${previous.text}`;
    throw filterError('MDS_FILTER_SYNTAX', placeIn(source, source.length, 0), { reason });
  }
}

function closeBracket(
  token: Token,
  previous: Token | undefined,
  opened: Token | undefined,
  wantsValue: boolean,
  fail: (token: Token, reason: string) => never,
): void {
  if (opened === undefined) fail(token, `this ${token.text} closes nothing`);
  else if (CLOSING[opened.text] !== token.text) fail(token, `expected ${CLOSING[opened.text]} here`);
  const isEmpty = previous === opened;
  const isTrailingComma = previous?.text === ',' && token.text !== ')';
  if (wantsValue && !isEmpty && !isTrailingComma) fail(token, `expected a value before ${token.text}`);
}

const wordHint = (text: string): string => {
  const sign = Object.hasOwn(WORD_OPERATORS, text.toLowerCase()) ? WORD_OPERATORS[text.toLowerCase()] : undefined;
  return sign === undefined ? '' : `; write ${sign} in CEL`;
};

const tooDeep = (source: string, token: Token, depth: number) =>
  filterError('MDS_FILTER_TOO_DEEP', placeIn(source, token.offset, 1), { depth, limit: MAX_FILTER_DEPTH });
