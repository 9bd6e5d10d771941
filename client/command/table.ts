// Tables that fit a terminal: columns as wide as their content, the widest cut first when the line is too long.

export interface Column {
  readonly name: string;
  readonly align?: 'right';
  /** Never cut: what people copy from. */
  readonly isWhole?: true;
}

const GAP = '  ';
const ELLIPSIS = '…';
/** Below this a column says nothing any more. */
const MIN_WIDTH = 6;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** One line, at most `width` wide, without characters that a terminal would act on. */
export function fit(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const clean = text.replace(CONTROL, ' ');
  const characters = Array.from(clean);
  const cut = characters.length > width ? `${characters.slice(0, Math.max(0, width - 1)).join('')}${ELLIPSIS}` : clean;
  const padding = ' '.repeat(Math.max(0, width - Math.min(characters.length, width)));
  return align === 'right' ? padding + cut : cut + padding;
}

/**
 * @param natural the widths the columns would like to have
 * @param isWhole of a column: it does not shrink
 * @returns widths that, with gaps, fit into `total`, as far as columns can shrink
 */
export function fitWidths(
  natural: readonly number[],
  total: number,
  isWhole: (column: number) => boolean = () => false,
): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - total;
  while (excess > 0) {
    const widest = Math.max(...widths.filter((_, column) => !isWhole(column)));
    if (widest <= MIN_WIDTH) break;
    widths[widths.findIndex((width, column) => width === widest && !isWhole(column))] = widest - 1;
    excess -= 1;
  }
  return widths;
}

export function formatRow(cells: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  return cells
    .map((cell, i) => fit(cell, widths[i] ?? MIN_WIDTH, columns[i]?.align))
    .join(GAP)
    .trimEnd();
}

/** @param totalWidth characters of a line */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  totalWidth: number,
): string {
  const natural = columns.map(({ name }, i) =>
    Math.max(name.length, ...rows.map((row) => Array.from(row[i] ?? '').length)),
  );
  const widths = fitWidths(natural, totalWidth, (column) => columns[column]?.isWhole === true);
  const header = formatRow(
    columns.map(({ name }) => name),
    columns,
    widths,
  );
  return [header, ...rows.map((row) => formatRow(row, columns, widths))].join('\n');
}
