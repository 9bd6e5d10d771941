// Stacked bars, lying down so that their names can be read, as HTML: boxes with a width in percent.

import type { BarsBlock } from './blocks.ts';
import { escapeHtml, px } from './html.ts';
import { COLOURS } from './line-chart.ts';
import { valueText } from './scale.ts';

/** Narrower pieces have no room for their value; it is in their title. */
const LABELLED_SHARE = 0.07;

export function barChart({ title, note, unit, parts, bars }: BarsBlock): string {
  const totals = bars.map(({ values }) => values.reduce((sum, value) => sum + value, 0));
  const longest = Math.max(...totals, Number.MIN_VALUE);
  const rows = bars.map(({ label, values }, bar) => {
    const pieces = values.map((value, part) => {
      const share = value / longest;
      if (!(share > 0)) return '';
      const text = valueText(value, unit);
      const name = `${parts[part] ?? ''}: ${text}`;
      return `<span class="piece s${part % COLOURS}" style="width:${px(share * 100)}%" title="${escapeHtml(name)}">${parts.length > 1 && share >= LABELLED_SHARE ? escapeHtml(text) : ''}</span>`;
    });
    return `<div class="bar-name">${escapeHtml(label)}</div><div class="bar">${pieces.join('')}<span class="total">${escapeHtml(valueText(totals[bar] ?? 0, unit))}</span></div>`;
  });
  const keys = parts.map((part, i) => `<span class="key block s${i % COLOURS}">${escapeHtml(part)}</span>`);
  return `<figure class="chart${parts.length > 1 ? ' wide' : ''}"><figcaption>${escapeHtml(title)}</figcaption>
${parts.length > 1 ? `<div class="legend">${keys.join('')}</div>` : ''}
<div class="bars">${rows.join('\n')}</div>
${note ? `<p class="note">${escapeHtml(note)}</p>` : ''}</figure>`;
}
