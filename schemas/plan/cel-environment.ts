// @bufbuild/cel with the parts replaced whose result CEL leaves open or where the library differs from this project's
// semantics: order of strings, conversions from strings, time getters in UTC, patterns compiled once.

import type { CelEnv, CelFunc } from '@bufbuild/cel';
import { CelScalar, celEnv, celFunc, mapType } from '@bufbuild/cel';
import { RE2JS } from '@bufbuild/re2';
import { compareStrings, ERROR, stringToDouble, stringToInt } from './values.ts';

const { BOOL, DOUBLE, DYN, INT, STRING } = CelScalar;

const stringOrder = (name: string, decide: (order: number) => boolean): CelFunc =>
  celFunc(name, [STRING, STRING], BOOL, (a, b) => decide(compareStrings(a, b)));

/** A result, or the exception by which @bufbuild/cel's functions report an error of evaluation. */
function orThrow<T>(value: T | typeof ERROR): T {
  if (value === ERROR) throw new Error('evaluation error');
  return value;
}

const OVERRIDES: readonly CelFunc[] = [
  stringOrder('_<_', (order) => order < 0),
  stringOrder('_<=_', (order) => order <= 0),
  stringOrder('_>_', (order) => order > 0),
  stringOrder('_>=_', (order) => order >= 0),
  // The library's own finds no key whose value is null.
  celFunc('@in', [STRING, mapType(DYN, DYN)], BOOL, (key, map) => Array.from(map.keys()).includes(key)),
  celFunc('int', [STRING], INT, (text) => BigInt(orThrow(stringToInt(text)))),
  celFunc('double', [STRING], DOUBLE, (text) => orThrow(stringToDouble(text))),
];

/** @param funcs further functions of one expression */
export function celEnvironment(funcs: readonly CelFunc[]): CelEnv {
  const automata = new Map<string, RE2JS>();
  const compile = (pattern: string): RE2JS => {
    const known = automata.get(pattern) ?? RE2JS.compile(pattern);
    automata.set(pattern, known);
    return known;
  };
  return celEnv({ funcs: [...OVERRIDES, ...funcs], re2: { compile } });
}
