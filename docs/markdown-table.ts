// Tables of the generated pages.

/** Padded as Biome formats it, so that formatting changes nothing. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const [first, ...others] = lines.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  const dashes = widths.map((width) => '-'.repeat(width));
  return [first ?? [], dashes, ...others].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
