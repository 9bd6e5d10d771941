// Alertmanager's webhook. Alertmanager sends again what is answered with 5xx, and nothing else.

import { MdsError } from '../../../schemas/errors.ts';
import { alertFacts } from '../alertmanager/webhook.ts';
import { parsedJson } from '../event-reader.ts';
import type { Mappings } from '../mapping/mapping.ts';
import type { Door } from './door.ts';
import { plainAnswer } from './plain-answer.ts';

const MEDIA_TYPE = 'application/json';

export const alertmanagerDoor = (mappings: Mappings): Door => ({
  name: 'alertmanager',
  path: '/v1/alertmanager/:topic',
  handle: async ({ body, mediaType, nowMicros, takeObjects }) => {
    if (mediaType !== MEDIA_TYPE) {
      throw new MdsError('MDS_MEDIA_TYPE_UNKNOWN', {
        found: mediaType || 'a body without content-type',
        known: MEDIA_TYPE,
      });
    }
    const facts = alertFacts(parsedJson(body), nowMicros);
    return plainAnswer(await takeObjects(facts.map(mappings.alertmanager())), 200);
  },
});
