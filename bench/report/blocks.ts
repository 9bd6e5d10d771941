// What a report is made of: sections of blocks, plain data that says what to show and nothing of how it looks.

import type { FlameNode } from './flame.ts';

export interface ReportPage {
  readonly title: string;
  readonly subtitle: string;
  /** Shown first and loud: what makes figures below void. */
  readonly failures: readonly string[];
  /** What makes a reader careful. */
  readonly warnings: readonly string[];
  readonly sections: readonly Section[];
}

export interface Section {
  /** Anchor; letters, digits and hyphens. */
  readonly id: string;
  readonly title: string;
  readonly intro: string;
  readonly failures: readonly string[];
  readonly blocks: readonly Block[];
}

export type Block = TextBlock | TableBlock | LinesBlock | BarsBlock | HeatBlock | FlameBlock;

export interface TextBlock {
  readonly kind: 'text';
  readonly title?: string;
  readonly text: string;
}

export type Cell =
  | string
  | {
      readonly text: string;
      readonly tone?: 'good' | 'bad' | 'quiet';
      readonly note?: string;
    };

export interface TableBlock {
  readonly kind: 'table';
  readonly title: string;
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** `nines`: values below 1, drawn so that 0.9, 0.99, 0.999 … are equally far apart. */
export type ScaleKind = 'linear' | 'log' | 'nines';
export type Unit = 'number' | 'ms' | 'bytes' | 'percent';

export interface Axis {
  readonly label: string;
  readonly scale: ScaleKind;
  readonly unit: Unit;
}

export interface Series {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn thin and dashed: something to compare with. */
  readonly reference?: boolean;
}

export interface LinesBlock {
  readonly kind: 'lines';
  readonly title: string;
  readonly note?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** A horizontal line to stay below or above, such as the 20 ms of a goal. */
  readonly goal?: { readonly y: number; readonly label: string };
}

export interface BarsBlock {
  readonly kind: 'bars';
  readonly title: string;
  readonly note?: string;
  readonly unit: Unit;
  /** Names of the pieces that each bar is stacked of. */
  readonly parts: readonly string[];
  readonly bars: readonly { readonly label: string; readonly values: readonly number[] }[];
}

export interface HeatBlock {
  readonly kind: 'heat';
  readonly title: string;
  readonly note?: string;
  readonly unit: Unit;
  readonly rowLabel: string;
  readonly columnLabel: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** By row, then column; null: not measured. */
  readonly cells: readonly (readonly (number | null)[])[];
}

export interface FlameBlock {
  readonly kind: 'flame';
  readonly title: string;
  readonly note?: string;
  readonly root: FlameNode;
}
