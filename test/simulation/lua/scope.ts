// Names and their values: each block sees those of the blocks around it.

import type { LuaValue } from './values.ts';

export class Scope {
  readonly #values = new Map<string, LuaValue>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null) {
    this.#outer = outer;
  }

  get(name: string): LuaValue {
    return this.#values.has(name) ? this.#values.get(name) : this.#outer?.get(name);
  }

  declare(name: string, value: LuaValue): void {
    this.#values.set(name, value);
  }

  /** Redis allows no new global names. */
  assign(name: string, value: LuaValue): void {
    if (this.#values.has(name)) this.#values.set(name, value);
    else if (this.#outer) this.#outer.assign(name, value);
    else throw new Error(`the script sets the global ${name}`);
  }
}
