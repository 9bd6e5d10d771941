// Lines over two axes as inline SVG. Colours come from the page's style sheet, so that light and dark both work; the page's
// script reads the data from the element for the read-out under the pointer.

import type { LinesBlock, Series } from './blocks.ts';
import { escapeHtml, px } from './html.ts';
import { type Scale, scaleOf, valueText } from './scale.ts';

const WIDTH = 640;
const HEIGHT = 320;
const PLOT = { left: 62, right: 28, top: 12, bottom: 46 };
const PLOT_WIDTH = WIDTH - PLOT.left - PLOT.right;
const PLOT_HEIGHT = HEIGHT - PLOT.top - PLOT.bottom;
/** Colours that the style sheet has. */
export const COLOURS = 8;

export function lineChart(block: LinesBlock): string {
  const all = block.series.flatMap(({ points }) => points);
  const x = scaleOf(
    block.x,
    all.map(([value]) => value),
  );
  const goalValues = block.goal ? [block.goal.y] : [];
  const y = scaleOf(block.y, [...all.map(([, value]) => value), ...goalValues]);
  const label = `${block.title}: ${block.y.label} over ${block.x.label}`;
  return `<figure class="chart" data-lines="${escapeHtml(JSON.stringify(readOut(block, x, y)))}">
<figcaption>${escapeHtml(block.title)}</figcaption>
${legend(block.series)}
<div class="plot"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(label)}">
${grid(x, y)}${goalLine(block, y)}${block.series.map((series, i) => seriesLine(series, i, x, y)).join('\n')}
<text class="axis" x="${PLOT.left + PLOT_WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(block.x.label)}</text>
<text class="axis" transform="translate(13 ${PLOT.top + PLOT_HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(block.y.label)}</text>
<line class="pointer" y1="${PLOT.top}" y2="${PLOT.top + PLOT_HEIGHT}" x1="-9" x2="-9"/></svg></div>
${block.note ? `<p class="note">${escapeHtml(block.note)}</p>` : ''}</figure>`;
}

const placeX = (x: Scale, value: number): number => PLOT.left + x.at(value) * PLOT_WIDTH;
const placeY = (y: Scale, value: number): number => PLOT.top + (1 - y.at(value)) * PLOT_HEIGHT;

function legend(series: readonly Series[]): string {
  if (series.length < 2) return '';
  const keys = series.map(
    ({ label, reference }, i) =>
      `<span class="key${reference ? ' dashed' : ''} s${i % COLOURS}">${escapeHtml(label)}</span>`,
  );
  return `<div class="legend">${keys.join('')}</div>`;
}

function grid(x: Scale, y: Scale): string {
  const bottom = PLOT.top + PLOT_HEIGHT;
  const across = y.ticks.map(({ value, label }) => {
    const at = px(placeY(y, value));
    return `<line class="grid" x1="${PLOT.left}" x2="${PLOT.left + PLOT_WIDTH}" y1="${at}" y2="${at}"/><text class="tick" x="${PLOT.left - 7}" y="${at}" dy="0.32em" text-anchor="end">${escapeHtml(label)}</text>`;
  });
  const down = x.ticks.map(({ value, label }) => {
    const at = px(placeX(x, value));
    return `<line class="grid" x1="${at}" x2="${at}" y1="${PLOT.top}" y2="${bottom}"/><text class="tick" x="${at}" y="${bottom + 16}" text-anchor="middle">${escapeHtml(label)}</text>`;
  });
  return `${across.join('')}${down.join('')}`;
}

function goalLine({ goal }: LinesBlock, y: Scale): string {
  if (!goal) return '';
  const at = px(placeY(y, goal.y));
  return `<line class="goal" x1="${PLOT.left}" x2="${PLOT.left + PLOT_WIDTH}" y1="${at}" y2="${at}"/><text class="goal-label" x="${PLOT.left + PLOT_WIDTH - 4}" y="${at}" dy="-5" text-anchor="end">${escapeHtml(goal.label)}</text>`;
}

/** More marks than this would be a thick line. */
const MAX_MARKS = 24;

function seriesLine({ points, reference }: Series, i: number, x: Scale, y: Scale): string {
  const places = points
    .map(([valueX, valueY]) => [placeX(x, valueX), placeY(y, valueY)] as const)
    .filter(([atX, atY]) => Number.isFinite(atX) && Number.isFinite(atY));
  const path = places.map(([atX, atY], n) => `${n === 0 ? 'M' : 'L'}${px(atX)} ${px(atY)}`).join('');
  const marks =
    places.length > MAX_MARKS
      ? ''
      : places.map(([atX, atY]) => `<circle cx="${px(atX)}" cy="${px(atY)}" r="3.2"/>`).join('');
  return `<g class="series s${i % COLOURS}${reference ? ' dashed' : ''}"><path d="${path}"/>${marks}</g>`;
}

/** What the page's script shows under the pointer: where each point is, and what it says. */
function readOut({ x: axisX, y: axisY, series }: LinesBlock, x: Scale, y: Scale) {
  return series.map(({ label, points }) => ({
    label,
    points: points
      .filter(([valueX, valueY]) => Number.isFinite(x.at(valueX)) && Number.isFinite(y.at(valueY)))
      .map(([valueX, valueY]) => ({
        at: Math.round((placeX(x, valueX) / WIDTH) * 10_000) / 10_000,
        x: valueText(valueX, axisX.unit),
        y: valueText(valueY, axisY.unit),
      })),
  }));
}
