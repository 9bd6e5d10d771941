// Words of a Lua script: names, numbers, strings and signs.

export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'sign' | 'end';
  readonly text: string;
}

const PATTERN =
  /\s+|--[^\n]*|(?<name>[A-Za-z_]\w*)|(?<number>\d+(?:\.\d+)?)|(?<string>'[^'\n]*'|"[^"\n]*")|(?<sign>\.\.|==|~=|<=|>=|[-+*/%#<>=(){}[\],.;:])/gy;

/** @throws Error for what is no word of the part of Lua that is known here */
export function tokensOf(script: string): Token[] {
  const tokens: Token[] = [];
  PATTERN.lastIndex = 0;
  for (let at = 0; at < script.length; at = PATTERN.lastIndex) {
    const found = PATTERN.exec(script);
    if (!found) throw new Error(`no word of Lua that is known here: ${script.slice(at, at + 30)}`);
    const { name, number, string, sign } = found.groups ?? {};
    if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string.slice(1, -1) });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}
