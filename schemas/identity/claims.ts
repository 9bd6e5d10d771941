// `claims.team` and `claims["team"]` in the filter of a grant: replaced by the identity's own values on the syntax tree,
// never in the text, so that no value can be read as a piece of CEL.

import type { Substitute, SubstitutionPlace } from '../plan/check.ts';
import type { SyntaxNode } from '../plan/parse.ts';

export type Claims = Readonly<Record<string, unknown>>;

const NAME = 'claims';
type Kind = SyntaxNode['exprKind'];

/**
 * Strings, numbers, bools and lists of strings can be read. Anything else, and a claim that is not there, is an error: a
 * grant whose filter cannot be made allows nothing.
 */
export function claimValues(claims: Claims): Substitute {
  return (node, at) => {
    if (at.isVariable(NAME)) return node;
    if (testsClaims(node)) return at.fail('MDS_FILTER_UNSUPPORTED', { feature: `has() of ${NAME}` });
    const path = pathOf(node, at);
    if (path === undefined) return node;
    const exprKind = constantOf(valueAt(claims, path));
    if (exprKind !== undefined) return { ...node, exprKind };
    const hint = '; a claim must be there, and be a string, a number, true or false, or a list of strings';
    return at.fail('MDS_FILTER_UNKNOWN_FIELD', { field: [NAME, ...path].join('.'), hint });
  };
}

const isClaims = (node: SyntaxNode | undefined): boolean =>
  node?.exprKind.case === 'identExpr' && node.exprKind.value.name === NAME;

function testsClaims({ exprKind }: SyntaxNode): boolean {
  if (exprKind.case === 'callExpr' && exprKind.value.function === 'has') return isClaims(exprKind.value.args[0]);
  return exprKind.case === 'selectExpr' && exprKind.value.testOnly && rootsAtClaims(exprKind.value.operand);
}

function rootsAtClaims(node: SyntaxNode | undefined): boolean {
  if (node?.exprKind.case === 'selectExpr') return rootsAtClaims(node.exprKind.value.operand);
  if (node?.exprKind.case === 'callExpr' && node.exprKind.value.function === '_[_]') {
    return rootsAtClaims(node.exprKind.value.args[0]);
  }
  return isClaims(node);
}

/** Which claim a node reads; undefined when it reads none. */
function pathOf(node: SyntaxNode | undefined, at: SubstitutionPlace): readonly string[] | undefined {
  if (node === undefined || !rootsAtClaims(node)) return undefined;
  const { exprKind } = node;
  if (exprKind.case === 'identExpr') return [];
  if (exprKind.case === 'selectExpr') {
    const of = pathOf(exprKind.value.operand, at);
    return of === undefined ? undefined : [...of, exprKind.value.field];
  }
  const [operand, key] = exprKind.case === 'callExpr' ? exprKind.value.args : [];
  const of = pathOf(operand, at);
  const constant = key?.exprKind.case === 'constExpr' ? key.exprKind.value.constantKind : undefined;
  if (constant?.case === 'stringValue' && of !== undefined) return [...of, constant.value];
  return at.fail('MDS_FILTER_UNSUPPORTED', { feature: 'A claim whose name is computed' });
}

function valueAt(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = Reflect.get(value, name);
  }
  return value;
}

function constantOf(value: unknown): Kind | undefined {
  switch (typeof value) {
    case 'string':
      return constant({ case: 'stringValue', value });
    case 'boolean':
      return constant({ case: 'boolValue', value });
    case 'number':
      if (Number.isSafeInteger(value)) return constant({ case: 'int64Value', value: BigInt(value) });
      return Number.isFinite(value) ? constant({ case: 'doubleValue', value }) : undefined;
    default:
      return Array.isArray(value) && value.every((item) => typeof item === 'string') ? listOf(value) : undefined;
  }
}

type Constant = Extract<Kind, { case: 'constExpr' }>['value'];

const constant = (constantKind: Constant['constantKind']): Kind => ({
  case: 'constExpr',
  value: { $typeName: 'cel.expr.Constant', constantKind },
});

/** Ids of items do not matter: they only lead to places, and to macros. */
const listOf = (items: readonly string[]): Kind => ({
  case: 'listExpr',
  value: {
    $typeName: 'cel.expr.Expr.CreateList',
    optionalIndices: [],
    elements: items.map((item) => ({
      $typeName: 'cel.expr.Expr',
      id: 0n,
      exprKind: constant({ case: 'stringValue', value: item }),
    })),
  },
});
