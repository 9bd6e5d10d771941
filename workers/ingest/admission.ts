// What may come through a door: to a topic that there is, with a grant to publish to it, while there is room and the tenant is
// within its quota of events. Who somebody is has been found out before. The same for every door.

import { demandAction } from '../../platform/http-door/access.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import type { EventQuota } from './event-quota.ts';
import type { KnownTopic, TopicReaders } from './topic-readers.ts';

export interface AdmissionOptions {
  readonly topics: Pick<TopicReaders, 'named'>;
  readonly quota: EventQuota;
  /** Requests that may be worked on at once. */
  readonly limit: number;
}

export interface Admitted {
  readonly known: KnownTopic;
  /** To be called when the request is done with, however it ended; more than once does not matter. */
  readonly leave: () => void;
}

export class Admission {
  readonly #options: AdmissionOptions;
  #inFlight = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** @throws MdsError `MDS_FORBIDDEN`, `MDS_TOPIC_UNKNOWN`, `MDS_QUOTA_EXCEEDED` or `MDS_INGEST_BUSY` */
  async admit(identity: Identity, topic: string): Promise<Admitted> {
    const { limit, quota } = this.#options;
    const known = await this.known(identity, topic);
    quota.check(identity.tenant);
    if (this.#inFlight >= limit) throw new MdsError('MDS_INGEST_BUSY', { limit });
    this.#inFlight++;
    let isIn = true;
    const leave = (): void => {
      if (isIn) this.#inFlight--;
      isIn = false;
    };
    return { known, leave };
  }

  /** For what the operator's configuration allows. @throws MdsError `MDS_TOPIC_UNKNOWN` */
  topic(tenant: string, topic: string): Promise<KnownTopic> {
    return this.#options.topics.named(tenant, topic);
  }

  /** @throws MdsError `MDS_FORBIDDEN`, whether or not there is such a topic, or `MDS_TOPIC_UNKNOWN` */
  async known(identity: Identity, topic: string): Promise<KnownTopic> {
    demandAction(identity, 'publish', topic);
    return this.#options.topics.named(identity.tenant, topic);
  }
}
