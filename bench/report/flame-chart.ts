// A flame graph, upside down (callers above what they called), as boxes with percent widths; a click makes a box as wide as
// the page (page-script.ts). Beside it the functions that took most time themselves.

import type { FlameBlock } from './blocks.ts';
import { type FlameNode, topFunctions } from './flame.ts';
import { escapeHtml, px } from './html.ts';
import { table } from './table.ts';

const TOP_FUNCTIONS = 15;
const ROW_PX = 20;
/** Rows of the chart; what is deeper is nearly always too narrow to see. */
const MAX_ROWS = 40;
const HUES = 6;

export function flameChart({ title, note, root }: FlameBlock): string {
  const boxes: string[] = [];
  const rows = Math.min(MAX_ROWS, depthOf(root));
  const draw = (node: FlameNode, startMs: number, row: number): void => {
    if (row >= MAX_ROWS) return;
    const [left, width] = [startMs / root.totalMs, node.totalMs / root.totalMs];
    const text = `${node.name} · ${(width * 100).toFixed(1)} % (itself ${((node.selfMs / root.totalMs) * 100).toFixed(1)} %)`;
    boxes.push(
      `<div class="box h${hueOf(node.name)}" data-x="${left.toFixed(5)}" data-w="${width.toFixed(5)}" data-row="${row}" style="left:${px(left * 100)}%;width:${px(width * 100)}%;top:${row * ROW_PX}px" title="${escapeHtml(text)}">${escapeHtml(node.name)}</div>`,
    );
    let at = startMs;
    for (const child of node.children) {
      draw(child, at, row + 1);
      at += child.totalMs;
    }
  };
  if (root.totalMs > 0) draw(root, 0, 0);
  const top = topFunctions(root, TOP_FUNCTIONS).map(({ name, selfMs, share }) => [
    name,
    `${(share * 100).toFixed(1)} %`,
    `${selfMs.toFixed(0)} ms`,
  ]);
  return `<figure class="chart wide"><figcaption>${escapeHtml(title)}</figcaption>
<div class="flame" style="height:${rows * ROW_PX}px">${boxes.join('\n')}</div>
<p class="note">${escapeHtml(note ?? '')} Width is time on the CPU, idle time left out. Click a box to widen it, the top one to go back.</p></figure>
${table({ kind: 'table', title: `${title}: where the time went itself`, head: ['function', 'share', 'time'], rows: top })}`;
}

const depthOf = (node: FlameNode): number => 1 + Math.max(0, ...node.children.map(depthOf));

/** The same function has the same colour everywhere; what is of one file looks alike. */
function hueOf(name: string): number {
  const file = name.slice(name.lastIndexOf(' ') + 1).replace(/:\d+$/, '');
  let hash = 0;
  for (let i = 0; i < file.length; i++) hash = (Math.imul(hash, 31) + file.charCodeAt(i)) >>> 0;
  return hash % HUES;
}
