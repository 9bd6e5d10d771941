// One self-contained HTML page of a report's sections: style, script and data inside, nothing fetched from anywhere.

import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
import { barChart } from './bar-chart.ts';
import type { Block, ReportPage, Section } from './blocks.ts';
import { flameChart } from './flame-chart.ts';
import { heatMap } from './heat-map.ts';
import { escapeHtml } from './html.ts';
import { lineChart } from './line-chart.ts';
import { STYLE } from './style.ts';
import { table } from './table.ts';

export function pageHtml({ title, subtitle, failures, warnings, sections }: ReportPage): string {
  const links = sections.map((section) => `<a href="#${escapeHtml(section.id)}">${escapeHtml(section.title)}</a>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escapeHtml(title)}</h1><p class="subtitle">${escapeHtml(subtitle)}</p>
${failures.length > 0 ? failureBox('This run failed: do not quote its figures', failures) : ''}
${warnings.length > 0 ? failureBox('Read with care', warnings, 'failures doubtful') : ''}
<nav>${links.join('')}</nav>
${sections.map(sectionHtml).join('\n')}
</main><script>${pageScript()}</script></body></html>
`;
}

function sectionHtml({ id, title, intro, failures, blocks }: Section): string {
  return `<section id="${escapeHtml(id)}"><h2>${escapeHtml(title)}</h2>
${intro ? `<p class="intro">${escapeHtml(intro)}</p>` : ''}
${failures.length > 0 ? failureBox('What failed here', failures) : ''}
<div class="grid">${blocks.map(blockHtml).join('\n')}</div></section>`;
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'text':
      return `<div class="text">${block.title ? `<h3>${escapeHtml(block.title)}</h3>` : ''}${escapeHtml(block.text)}</div>`;
    case 'table':
      return table(block);
    case 'lines':
      return lineChart(block);
    case 'bars':
      return barChart(block);
    case 'heat':
      return heatMap(block);
    case 'flame':
      return flameChart(block);
  }
}

function failureBox(heading: string, failures: readonly string[], look = 'failures'): string {
  const items = failures.map((failure) => `<li>${escapeHtml(failure)}</li>`).join('');
  return `<div class="${look}"><strong>${escapeHtml(heading)}</strong><ul>${items}</ul></div>`;
}

/** The script's TypeScript as the JavaScript of a browser. */
function pageScript(): string {
  const source = readFileSync(new URL('page-script.ts', import.meta.url), 'utf8');
  return transformSync(source, { loader: 'ts', minify: true, format: 'iife', target: 'es2022' }).code;
}
