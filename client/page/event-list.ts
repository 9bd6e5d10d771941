// The newest matching events, one row each; a row opens to the whole event. The list is bounded and drawn a few times a
// second, so that a fast stream costs no more than a slow one.

import type { ReceivedEvent } from '../library/index.ts';
import type { SchemaField } from '../library/schema-fields.ts';
import { byId, element } from './dom.ts';
import { formatCount, formatTime, formatValue } from './format.ts';

/** What a person can scroll through; each row is some ten elements. */
const MAX_ROWS = 200;
/** 10 a second: rows still seem to flow. */
const DRAW_INTERVAL_MS = 100;
/** Next to time and labels; more columns than this leave no room for their content. */
const MAX_MIDDLE_COLUMNS = 6;
/** Names that identify rather than describe; they are in the opened event. */
const HIDDEN: ReadonlySet<string> = new Set(['id', 'tenant', 'traceId']);
const LEVELS: Readonly<Record<string, number>> = { DEBUG: 0, INFO: 1, NOTICE: 1, WARNING: 2, ERROR: 3, CRITICAL: 3 };
const NUMBER = /^(int|long|float|double)\??$/;

interface EventColumn {
  readonly name: string;
  readonly path: readonly string[];
  readonly kind: 'time' | 'number' | 'symbol' | 'map' | 'text';
}

export class EventList {
  readonly #list = byId('event-list', HTMLOListElement);
  readonly #note = byId('events-note', HTMLParagraphElement);
  readonly #empty = byId('events-empty', HTMLParagraphElement);
  readonly #pause = byId('pause', HTMLButtonElement);
  #columns: readonly EventColumn[] = [];
  /** Newest last; only what still fits into the list. */
  #undrawn: ReceivedEvent<unknown>[] = [];
  #total = 0;
  #sincePause = 0;
  #paused = false;

  constructor() {
    this.#pause.addEventListener('click', () => this.#setPaused(!this.#paused));
    setInterval(() => this.#draw(), DRAW_INTERVAL_MS);
  }

  setFields(fields: readonly SchemaField[]): void {
    this.#columns = columnsOf(fields);
    const widths = this.#columns.map(({ kind }) => WIDTHS[kind]).join(' ');
    const columns = byId('event-columns', HTMLDivElement);
    document.documentElement.style.setProperty('--event-columns', widths);
    columns.replaceChildren(...this.#columns.map(({ name, kind }) => element('span', { class: `cell ${kind}` }, name)));
    columns.hidden = true;
  }

  /** Another topic or filter. */
  clear(waitingFor: string): void {
    this.#undrawn = [];
    this.#total = 0;
    this.#list.replaceChildren();
    this.#setPaused(false);
    this.say(waitingFor);
  }

  /** Shown while there is no event. */
  say(...parts: readonly (Node | string)[]): void {
    this.#empty.replaceChildren(...parts);
    this.#empty.hidden = this.#list.childElementCount > 0;
  }

  add(events: readonly ReceivedEvent<unknown>[]): void {
    this.#total += events.length;
    if (this.#paused) {
      this.#sincePause += events.length;
      return;
    }
    this.#undrawn.push(...events.slice(-MAX_ROWS));
    if (this.#undrawn.length > 2 * MAX_ROWS) this.#undrawn = this.#undrawn.slice(-MAX_ROWS);
  }

  #setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#sincePause = 0;
    this.#pause.setAttribute('aria-pressed', String(paused));
    this.#pause.textContent = paused ? 'Continue' : 'Pause';
    this.#draw();
  }

  #draw(): void {
    const fresh = this.#undrawn.slice(-MAX_ROWS).reverse();
    this.#undrawn = [];
    if (fresh.length > 0) this.#list.prepend(...fresh.map((event) => this.#row(event)));
    while (this.#list.childElementCount > MAX_ROWS) this.#list.lastElementChild?.remove();
    const shown = this.#list.childElementCount;
    if (shown > 0) this.#empty.hidden = true;
    byId('event-columns', HTMLDivElement).hidden = shown === 0;
    const note = this.#paused
      ? `paused, ${formatCount(this.#sincePause)} newer not shown`
      : shown < this.#total
        ? `newest ${shown} of ${formatCount(this.#total)}`
        : `${formatCount(this.#total)} so far`;
    const text = this.#total === 0 ? '' : note;
    if (this.#note.textContent !== text) this.#note.textContent = text;
  }

  #row(event: ReceivedEvent<unknown>): HTMLLIElement {
    const cells = this.#columns.map(({ path, kind }) => {
      const value = valueAt(event.data, path);
      const level = kind === 'symbol' ? LEVELS[String(value)] : undefined;
      const text = kind === 'time' ? formatTime(value) : formatValue(value);
      return element('span', { class: `cell ${kind}${level === undefined ? '' : ` level-${level}`}` }, text);
    });
    const row = element('button', { type: 'button', class: 'row', 'aria-expanded': 'false' }, ...cells);
    const item = element('li', {}, row);
    row.addEventListener('click', () => {
      const opened = row.getAttribute('aria-expanded') === 'true';
      row.setAttribute('aria-expanded', String(!opened));
      if (opened) row.nextElementSibling?.remove();
      else item.append(detailOf(event));
      // What is being read should not move away.
      if (!opened && !this.#paused) this.#setPaused(true);
    });
    return item;
  }
}

const WIDTHS: Readonly<Record<EventColumn['kind'], string>> = {
  time: '6.6rem',
  symbol: '5rem',
  number: 'minmax(4.5rem, 0.6fr)',
  text: 'minmax(0, 1fr)',
  map: 'minmax(0, 2fr)',
};

function columnsOf(fields: readonly SchemaField[]): readonly EventColumn[] {
  const columns = fields
    .filter(({ path }) => !HIDDEN.has(path))
    .map(({ path, type, symbols }): EventColumn => {
      const name = path.replace('["…"]', '');
      const parts = name.split('.');
      if (name !== path) return { name, path: parts, kind: 'map' };
      if (type === 'timestamp') return { name, path: parts, kind: 'time' };
      if (symbols.length > 0) return { name, path: parts, kind: 'symbol' };
      return { name, path: parts, kind: NUMBER.test(type) ? 'number' : 'text' };
    });
  const times = columns.filter(({ kind }) => kind === 'time').slice(0, 1);
  const maps = columns.filter(({ kind }) => kind === 'map').slice(0, 1);
  const middle = columns.filter(({ kind }) => kind !== 'time' && kind !== 'map');
  // What is measured and how bad it is says more than one more name.
  const byUse = middle.toSorted((a, b) => Number(a.kind === 'text') - Number(b.kind === 'text'));
  const kept = new Set(byUse.slice(0, MAX_MIDDLE_COLUMNS));
  return [...times, ...middle.filter((column) => kept.has(column)), ...maps];
}

function valueAt(data: unknown, path: readonly string[]): unknown {
  let value = data;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

function detailOf({ data, cursor, times }: ReceivedEvent<unknown>): HTMLElement {
  const place = `partition ${cursor.partition}, offset ${cursor.offset}, index ${cursor.index}`;
  const latency =
    times.recordMs > 0 ? `, ${Math.max(0, Math.round(times.receivedMs - times.recordMs))} ms from Kafka to here` : '';
  return element(
    'div',
    { class: 'detail' },
    element('p', {}, place + latency),
    element('pre', {}, JSON.stringify(data, null, 2)),
  );
}
