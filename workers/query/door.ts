// Who is at the door, and whether they may do what they ask on the topic: the same for every route.

import type { IncomingHttpHeaders } from 'node:http';
import type { Authenticator } from '../../platform/identity/authenticator.ts';
import type { TopicCatalog } from '../../platform/topic-catalog.ts';
import type { CatalogTopic } from '../../schemas/coordination.ts';
import { MdsError } from '../../schemas/errors.ts';
import { type Action, type Identity, mayDo } from '../../schemas/identity/identity.ts';

export interface Admitted {
  readonly identity: Identity;
  readonly topic: CatalogTopic;
}

export class Door {
  readonly #authenticator: Authenticator;
  readonly #catalog: Pick<TopicCatalog, 'named'>;

  constructor(authenticator: Authenticator, catalog: Pick<TopicCatalog, 'named'>) {
    this.#authenticator = authenticator;
    this.#catalog = catalog;
  }

  /** @throws MdsError `MDS_UNAUTHENTICATED`, `MDS_FORBIDDEN` whether or not there is such a topic, `MDS_TOPIC_UNKNOWN` */
  async enter(request: { readonly headers: IncomingHttpHeaders }, topic: string, action: Action): Promise<Admitted> {
    const identity = await this.#authenticator.authenticate(credentialIn(request.headers.authorization));
    return { identity, topic: this.topicFor(identity, topic, action) };
  }

  /** @throws MdsError `MDS_FORBIDDEN`, `MDS_TOPIC_UNKNOWN` */
  topicFor(identity: Identity, topic: string, action: Action): CatalogTopic {
    if (!mayDo(identity, action, topic)) throw new MdsError('MDS_FORBIDDEN', { action, topic });
    return this.#catalog.named(identity.tenant, topic);
  }

  /** The identity as it is now; null: it is none any more. For whoever stays. */
  current(identity: Identity): Identity | null {
    return this.#authenticator.current(identity);
  }
}

/** RFC 6750. @returns null when there is none */
function credentialIn(header: string | undefined): string | null {
  return /^bearer +(\S+)$/i.exec(header?.trim() ?? '')?.[1] ?? null;
}
