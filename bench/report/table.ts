// Tables of a report.

import type { Cell, TableBlock } from './blocks.ts';
import { escapeHtml } from './html.ts';

export function table({ title, note, head, rows }: TableBlock): string {
  const headCells = head.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map(cell).join('')}</tr>`).join('\n');
  return `<figure class="chart wide"><figcaption>${escapeHtml(title)}</figcaption>
<div class="scroll"><table><thead><tr>${headCells}</tr></thead><tbody>${body}</tbody></table></div>
${note ? `<p class="note">${escapeHtml(note)}</p>` : ''}</figure>`;
}

function cell(given: Cell): string {
  const { text, tone, note } = typeof given === 'string' ? { text: given, tone: undefined, note: undefined } : given;
  const isNumber = /^[≥≤<>]?\s*-?\d/.test(text);
  const classes = [isNumber ? 'number' : '', tone ?? ''].filter(Boolean).join(' ');
  const noteText = note ? `<small>${escapeHtml(note)}</small>` : '';
  return `<td${classes ? ` class="${classes}"` : ''}>${escapeHtml(text)}${noteText}</td>`;
}
