// How well the service distributes events: a word at the side, with the reasons and what to do when it is not well.

import type { DistributionHealth, HealthReason, Verdict } from '../../schemas/api/health.ts';
import { byId, element } from './dom.ts';

const WORDS: Readonly<Record<Verdict, string>> = {
  ok: 'Events are distributed as they should be.',
  degraded: 'Events are distributed; somebody should look.',
  failing: 'Events are not distributed as promised.',
};

/** @param health null: it cannot be asked */
export function showHealth(health: DistributionHealth | null): void {
  const verdict = byId('health-verdict', HTMLParagraphElement);
  verdict.dataset.verdict = health?.verdict ?? 'unknown';
  const text = health === null ? 'Not known: the control plane does not answer.' : WORDS[health.verdict];
  if (verdict.textContent !== text) verdict.textContent = text;
  const items = health === null ? [] : itemsOf(health);
  byId('health-reasons', HTMLUListElement).replaceChildren(...items);
}

const itemsOf = ({ reasons, topics }: DistributionHealth): HTMLLIElement[] => [
  ...reasons.map((reason) => itemOf('', reason)),
  ...topics.flatMap((topic) => topic.reasons.map((reason) => itemOf(`${topic.topic}: `, reason))),
];

const itemOf = (about: string, { sentence, advice }: HealthReason): HTMLLIElement =>
  element('li', {}, `${about}${sentence} `, element('span', { class: 'note' }, advice));
