// The filter box: what is typed is checked by the service, an error is underlined at its place, and what was probably meant
// is offered. A valid filter is applied by itself once typing pauses.

import { MdsError } from '../../schemas/errors.ts';
import { type FilterPlace, filterHints, type RestClient } from '../library/rest.ts';
import { byId, element } from './dom.ts';

/** 250 ms: shorter checks half-typed words, longer feels like waiting. */
const TYPING_PAUSE_MS = 250;

export interface AppliedFilter {
  readonly filter: string;
  /** Equal for filters that mean the same. */
  readonly channel: string;
}

export class FilterBox {
  readonly #rest: RestClient;
  readonly #apply: (applied: AppliedFilter) => void;
  readonly #input = byId('filter', HTMLTextAreaElement);
  readonly #marks = byId('filter-marks', HTMLPreElement);
  readonly #verdict = byId('filter-verdict', HTMLParagraphElement);
  readonly #clear = byId('filter-clear', HTMLButtonElement);
  #topic: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Answers to older questions are not shown. */
  #question = 0;

  constructor(rest: RestClient, apply: (applied: AppliedFilter) => void) {
    this.#rest = rest;
    this.#apply = apply;
    this.#input.addEventListener('input', () => this.#onTyped());
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey) return;
      event.preventDefault();
      void this.#check();
    });
    this.#clear.addEventListener('click', () => this.set(''));
    new ResizeObserver(() => this.#fitHeight()).observe(this.#marks);
  }

  get filter(): string {
    return this.#input.value.trim();
  }

  /** Checks what stands in the box against this topic and applies it. */
  setTopic(topic: string): void {
    this.#topic = topic;
    void this.#check();
  }

  set(filter: string): void {
    this.#input.value = filter;
    this.#input.focus();
    this.#onTyped();
    void this.#check();
  }

  /** Adds text where the cursor is, with spaces around it where needed. */
  insert(text: string): void {
    const { selectionStart, selectionEnd, value } = this.#input;
    const before = value.slice(0, selectionStart);
    const space = before !== '' && !/[\s(!]$/.test(before) ? ' ' : '';
    this.#input.focus();
    this.#input.setRangeText(space + text, selectionStart, selectionEnd, 'end');
    this.#onTyped();
  }

  #onTyped(): void {
    this.#mark(null);
    this.#fitHeight();
    this.#clear.hidden = this.#input.value === '';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), TYPING_PAUSE_MS);
  }

  async #check(): Promise<void> {
    clearTimeout(this.#timer);
    this.#clear.hidden = this.#input.value === '';
    if (this.#topic === null) return;
    this.#question += 1;
    const question = this.#question;
    const typed = this.#input.value;
    try {
      const verdict = await this.#rest.checkFilter(this.#topic, typed);
      if (question !== this.#question) return;
      if (verdict.valid) {
        this.#showValid(typed, verdict.fieldsRead, verdict.cost);
        this.#apply({ filter: typed.trim(), channel: verdict.channel });
      } else {
        const { at, didYouMean } = filterHints(verdict.error);
        this.#showInvalid(verdict.error.message, at, didYouMean);
      }
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      if (question === this.#question) this.#show('unchecked', `Not checked: ${error.message}`);
    }
  }

  #showValid(typed: string, fieldsRead: readonly string[], cost: number): void {
    this.#mark(null);
    if (typed.trim() === '') {
      this.#show('empty', 'No filter: every event of the topic.');
      return;
    }
    const reads = fieldsRead.flatMap((field, i) => [i > 0 ? ', ' : '', element('code', {}, field)]);
    const about = fieldsRead.length > 0 ? element('span', {}, 'reads ', ...reads) : '';
    this.#show('valid', element('strong', {}, 'Valid'), about, element('span', {}, `cost ${cost}`));
  }

  #showInvalid(message: string, at: FilterPlace | null, didYouMean: string | null): void {
    this.#mark(at);
    const parts: (Node | string)[] = [element('span', {}, message)];
    if (at && didYouMean !== null) {
      const button = element(
        'button',
        { type: 'button', class: 'suggestion' },
        'Use ',
        element('code', {}, didYouMean),
      );
      button.addEventListener('click', () => this.#replace(at, didYouMean));
      parts.push(button);
    }
    parts.push(element('span', { class: 'note' }, 'The events below still follow the last valid filter.'));
    this.#show('invalid', ...parts);
  }

  #replace(at: FilterPlace, text: string): void {
    this.#input.focus();
    this.#input.setRangeText(text, at.offset, at.offset + at.length, 'end');
    this.#onTyped();
    void this.#check();
  }

  #show(state: 'empty' | 'valid' | 'invalid' | 'unchecked', ...parts: readonly (Node | string)[]): void {
    this.#verdict.dataset.state = state;
    this.#verdict.replaceChildren(...parts);
    this.#input.setAttribute('aria-invalid', String(state === 'invalid'));
  }

  /** Underlines a place; one behind the last character or without length gets the character before it. */
  #mark(at: FilterPlace | null): void {
    const text = this.#input.value;
    if (!at) {
      this.#marks.replaceChildren(`${text}\n`);
      return;
    }
    const end = Math.min(text.length, at.offset + Math.max(1, at.length));
    const start = Math.max(0, Math.min(at.offset, end - 1));
    const mark = element('mark', {}, text.slice(start, end));
    this.#marks.replaceChildren(text.slice(0, start), mark, `${text.slice(end)}\n`);
  }

  #fitHeight(): void {
    this.#input.style.height = 'auto';
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }
}
