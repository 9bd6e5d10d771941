// What a filter costs to evaluate, in units of about one comparison, estimated before it is accepted.

import type { Expr } from './ast.ts';
import { childrenOf } from './ast.ts';
import { ASSUMED_COLLECTION_ITEMS } from './limits.ts';

/** A string search walks its text once, an automaton does several steps for each character. */
const STRING_METHOD_COST = 3;
const PATTERN_BASE_COST = 20;
const PATTERN_CHARACTERS_PER_UNIT = 4;
/** Formatting, parsing and calendar arithmetic. */
const CONVERSION_COST = 10;

/** A list of constants is one lookup however long it is; macros multiply what stands inside them. */
export function costOf(expr: Expr): number {
  switch (expr.node) {
    case 'const':
      return 0;
    case 'in':
      if (expr.right.node === 'list' && expr.right.items.every(({ node }) => node === 'const'))
        return 2 + costOf(expr.left);
      if (expr.right.type.kind === 'map') return 1 + costOf(expr.left) + costOf(expr.right);
      return ASSUMED_COLLECTION_ITEMS + costOf(expr.left) + costOf(expr.right);
    case 'comprehension': {
      const bodies = expr.bodies.reduce((sum, body) => sum + costOf(body), 1);
      return costOf(expr.range) + ASSUMED_COLLECTION_ITEMS * bodies;
    }
    case 'call':
      return callCost(expr.name, expr.args) + expr.args.reduce((sum, arg) => sum + costOf(arg), 0);
    default:
      return childrenOf(expr).reduce((sum, child) => sum + costOf(child), 1);
  }
}

function callCost(name: string, args: readonly Expr[]): number {
  switch (name) {
    case 'matches': {
      const pattern = args[1]?.node === 'const' ? String(args[1].value) : '';
      return PATTERN_BASE_COST + Math.ceil(pattern.length / PATTERN_CHARACTERS_PER_UNIT);
    }
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return STRING_METHOD_COST;
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case 'neg':
    case 'size':
      return 1;
    default:
      return CONVERSION_COST;
  }
}
