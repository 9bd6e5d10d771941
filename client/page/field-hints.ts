// The fields of the topic's events, with their types; selecting one puts it into the filter.

import type { SchemaField } from '../library/schema-fields.ts';
import { byId, element } from './dom.ts';

export function showFields(fields: readonly SchemaField[], insert: (text: string) => void): void {
  const items = fields.map((field) => {
    const { path, type, doc, symbols } = field;
    const shownType = symbols.length > 0 ? 'one of' : type;
    const button = element(
      'button',
      { type: 'button', class: 'field', ...(doc === '' ? {} : { title: doc }) },
      element('code', {}, path),
      element('span', { class: 'type' }, shownType),
    );
    button.addEventListener('click', () => insert(textFor(field)));
    const item = element('li', {}, button);
    if (symbols.length > 0) item.append(symbolButtons(field, insert));
    return item;
  });
  byId('fields', HTMLUListElement).replaceChildren(...items);
}

function symbolButtons({ path, symbols }: SchemaField, insert: (text: string) => void): HTMLElement {
  const buttons = symbols.map((symbol) => {
    const button = element('button', { type: 'button', title: `${path} == ${symbol}` }, symbol);
    button.addEventListener('click', () => insert(`${path} == ${symbol}`));
    return button;
  });
  return element('div', { class: 'symbols' }, ...buttons);
}

/** The beginning of a clause, as far as the type tells it. */
function textFor({ path, type }: SchemaField): string {
  if (path.endsWith('["…"]')) return path.replace('…', '');
  if (/^string\??$/.test(type)) return `${path} == ""`;
  return path;
}
