// Many scenarios one after the other on the same stacks: progress, rows, and what is left on disk for later.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../deploy/local/places.ts';
import { faultsOfRow, headLine, markdownTable, type Row, rowLine, totalLine } from './row.ts';
import { runScenario, type SharedParts } from './run-scenario.ts';
import type { Scenario } from './scenario.ts';
import { Stacks } from './stacks.ts';

const MAX_SEED = 1_000_000;

export interface SuiteOptions {
  /** For every run; default: another one for each. */
  readonly seed?: number;
  readonly isShort: boolean;
  readonly say: (line: string) => void;
}

export class Suite {
  readonly resultDirectory: string;
  readonly rows: Row[] = [];
  readonly #options: SuiteOptions;
  readonly #stacks = new Stacks();
  readonly #shared = new Map<string, SharedParts>();
  #keepsAlive: NodeJS.Timeout | null = null;

  constructor(options: SuiteOptions) {
    this.#options = options;
    this.resultDirectory = join(ROOT, '.mds', 'faults', new Date().toISOString().replaceAll(':', '-'));
  }

  /** All runs of one scenario: one, or one for each of its seeds. */
  async run(scenario: Scenario): Promise<readonly Row[]> {
    const { seed, isShort, say } = this.#options;
    // the services do not keep this process alive
    this.#keepsAlive ??= setInterval(() => undefined, 1000);
    const seeds = seed === undefined ? Array.from({ length: scenario.seeds ?? 1 }, randomSeed) : [seed];
    const rows: Row[] = [];
    for (const each of seeds) {
      say(`  ${scenario.id} ${scenario.title} (SEED=${each})`);
      const { resultDirectory } = this;
      const row = await runScenario(scenario, {
        seed: each,
        isShort,
        stacks: this.#stacks,
        shared: this.#shared,
        say,
        resultDirectory,
      });
      rows.push(row);
      this.rows.push(row);
      say(headLine());
      say(rowLine(row));
      for (const fault of faultsOfRow(row)) say(`    FAULT ${fault}`);
    }
    await this.#endShared(scenario.id);
    return rows;
  }

  /** Ends every stack, and writes the table and all rows. */
  async end(): Promise<void> {
    for (const id of [...this.#shared.keys()]) await this.#endShared(id);
    await this.#stacks.release();
    if (this.#keepsAlive !== null) clearInterval(this.#keepsAlive);
    mkdirSync(this.resultDirectory, { recursive: true });
    writeFileSync(join(this.resultDirectory, 'rows.json'), `${JSON.stringify(this.rows, null, 2)}\n`);
    writeFileSync(join(this.resultDirectory, 'table.md'), `${markdownTable(this.rows)}\n\n${totalLine(this.rows)}\n`);
  }

  async #endShared(id: string): Promise<void> {
    const parts = this.#shared.get(id);
    this.#shared.delete(id);
    for (const problem of (await parts?.end()) ?? []) this.#options.say(`    ${id}: ${problem}`);
  }
}

const randomSeed = (): number => 1 + Math.floor(Math.random() * MAX_SEED);
