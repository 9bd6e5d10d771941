// Whether the page is connected, to which edge, and what its subscription is: one line in the header, details at the side.

import type { ClientState, SubscriptionStart, SubscriptionState } from '../library/index.ts';
import { byId, element } from './dom.ts';

interface ConnectionFacts {
  readonly client: ClientState;
  readonly subscription: SubscriptionState | null;
  readonly start: SubscriptionStart | null;
}

export const showSignedOut = (): void => showLine('closed', 'Signed out');

function showLine(state: string, text: string): void {
  const line = byId('connection', HTMLParagraphElement);
  line.dataset.state = state;
  const textElement = line.querySelector('.text');
  if (textElement && textElement.textContent !== text) textElement.textContent = text;
}

export function showConnection({ client, subscription, start }: ConnectionFacts): void {
  const [state, text] = summaryOf(client, subscription);
  showLine(state, text);
  const facts: (readonly [string, string])[] = [['State', text]];
  if (client.state === 'open')
    facts.push(['Edge', client.edge], ['Address', client.url], ['Connection', client.connection]);
  if (client.state === 'waiting' || client.state === 'closed') {
    if (client.error) facts.push(['Reason', client.error.message]);
  }
  if (start) facts.push(['Channel', start.channel], ['Partitions', String(start.partitions)]);
  if (start && start.filter !== '') facts.push(['Filter means', start.filter]);
  byId('facts', HTMLDListElement).replaceChildren(
    ...facts.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
  );
}

function summaryOf(client: ClientState, subscription: SubscriptionState | null): readonly [string, string] {
  switch (client.state) {
    case 'connecting':
      return ['connecting', 'Connecting…'];
    case 'waiting':
      return ['connecting', `Connection lost, trying again in ${(client.retryInMs / 1000).toFixed(1)} s`];
    case 'closed':
      return ['closed', 'Disconnected'];
    case 'open':
      if (subscription === 'live') return ['live', 'Live'];
      if (subscription === 'replaying') return ['live', 'Catching up'];
      if (subscription === 'ended') return ['closed', 'Not subscribed'];
      return ['connecting', subscription === null ? 'Connected' : 'Subscribing…'];
  }
}
