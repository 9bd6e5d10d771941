// A table whose cells are coloured by their value, on a logarithmic scale from the lowest to the highest.

import type { HeatBlock } from './blocks.ts';
import { escapeHtml } from './html.ts';
import { valueText } from './scale.ts';

export function heatMap({ title, note, unit, rowLabel, columnLabel, rows, columns, cells }: HeatBlock): string {
  const logs = cells.flat().flatMap((value) => (value !== null && value > 0 ? [Math.log(value)] : []));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const heat = (value: number): number => (high > low ? (Math.log(value) - low) / (high - low) : 1);
  const body = rows.map((row, r) => {
    const values = columns.map((_, c) => {
      const value = cells[r]?.[c] ?? null;
      if (value === null || !(value > 0)) return '<td class="none">–</td>';
      const strength = heat(value);
      const tone = strength > 0.55 ? ' strong' : '';
      return `<td class="heat${tone}" style="--heat:${strength.toFixed(3)}">${escapeHtml(valueText(value, unit))}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(row)}</th>${values.join('')}</tr>`;
  });
  const head = columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`).join('');
  return `<figure class="chart"><figcaption>${escapeHtml(title)}</figcaption>
<table class="heat-map"><thead><tr><th class="corner"><span>${escapeHtml(rowLabel)} ↓</span> <span>${escapeHtml(columnLabel)} →</span></th>${head}</tr></thead>
<tbody>${body.join('\n')}</tbody></table>
${note ? `<p class="note">${escapeHtml(note)}</p>` : ''}</figure>`;
}
