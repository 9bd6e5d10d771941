// What each route of an HTTP door asks of whoever calls it. Every route says it; one that does not keeps the process from
// starting, so that none is open because somebody forgot it.

import type { FastifyRequest } from 'fastify';
import { MdsError } from '../../schemas/errors.ts';
import { type Action, type Identity, isAdmin, isOperator, mayDo } from '../../schemas/identity/identity.ts';

/** Where the name of the topic stands in a request. */
export type TopicPlace = { readonly param: string } | { readonly body: string };

export type Access =
  /** No credential is looked at. */
  | { readonly needs: 'nothing'; readonly because: string }
  /** Whoever is known; `sees` says what of it the answer has. */
  | { readonly needs: 'identity'; readonly sees: string }
  | { readonly needs: 'admin' | 'operator' }
  /** Checked before the route's own code runs. */
  | { readonly needs: 'grant'; readonly action: Action; readonly topic: TopicPlace }
  /** The route's own code finds the topic and checks; an answer without a look at `request.identity` is a bug, and is not sent. */
  | { readonly needs: 'found'; readonly rule: string };

/** `because`: why everybody may. */
export const PUBLIC = (because: string): Access => ({ needs: 'nothing', because });
/** @param sees in words, for the list of permissions: "the topics that some grant names" */
export const ANYBODY = (sees: string): Access => ({ needs: 'identity', sees });
export const ADMIN: Access = { needs: 'admin' };
export const OPERATOR: Access = { needs: 'operator' };
export const GRANT = (action: Action, topic: TopicPlace): Access => ({ needs: 'grant', action, topic });
/** @param rule in words, for the list of permissions: "manage on the subscription's topic" */
export const FOUND = (rule: string): Access => ({ needs: 'found', rule });

/** In words, as docs/security.md lists it. */
export function accessInWords(access: Access): string {
  switch (access.needs) {
    case 'nothing':
      return `nothing: ${access.because}`;
    case 'identity':
      return `any identity; sees ${access.sees}`;
    case 'admin':
      return 'role admin';
    case 'operator':
      return 'role operator';
    case 'grant':
      return `${access.action} on the topic`;
    case 'found':
      return access.rule;
  }
}

/** @throws MdsError `MDS_FORBIDDEN` */
export function checkRole(access: Access, identity: Identity): void {
  if (access.needs === 'admin' && !isAdmin(identity)) {
    throw new MdsError('MDS_FORBIDDEN', { action: 'administer', topic: 'the tenant' });
  }
  if (access.needs === 'operator' && !isOperator(identity)) {
    throw new MdsError('MDS_FORBIDDEN', { action: 'operate', topic: 'the installation' });
  }
}

/** Says the same whether or not there is such a topic. @throws MdsError `MDS_FORBIDDEN` */
export function checkGrant(access: Access, request: FastifyRequest): void {
  if (access.needs !== 'grant') return;
  demandAction(request.identity, access.action, topicIn(request, access.topic));
}

/** @throws MdsError `MDS_FORBIDDEN` */
export function demandAction(identity: Identity, action: Action, topic: string): void {
  if (!mayDo(identity, action, topic)) throw new MdsError('MDS_FORBIDDEN', { action, topic });
}

/** Their shapes were checked before. */
function topicIn({ params, body }: FastifyRequest, place: TopicPlace): string {
  const [part, name] = 'param' in place ? [params, place.param] : [body, place.body];
  const value: unknown = typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined;
  if (typeof value !== 'string')
    throw new MdsError('MDS_FORBIDDEN', { action: 'use', topic: 'a topic without a name' });
  return value;
}
