// Prometheus remote write 1.0. Prometheus sends again what is answered with 5xx (and 429, when told so), and drops what is
// answered with 4xx: so 4xx is said only of what will never be taken, after everything else was.

import { MdsError } from '../../../schemas/errors.ts';
import type { Mappings } from '../mapping/mapping.ts';
import { readWriteRequest } from '../prometheus/write-request.ts';
import type { Door } from './door.ts';
import { plainAnswer } from './plain-answer.ts';

const MEDIA_TYPE = 'application/x-protobuf';
const SECOND_VERSION = /proto\s*=\s*"?io\.prometheus\.write\.v2/i;

export const prometheusDoor = (mappings: Mappings, maxBytes: number): Door => ({
  name: 'prometheus',
  path: '/v1/prometheus/:topic/write',
  ownEncoding: 'snappy',
  handle: async ({ body, mediaType, headers, takeObjects }) => {
    const isSecond = SECOND_VERSION.test(String(headers['content-type']));
    if (mediaType !== MEDIA_TYPE || isSecond) {
      const found = isSecond ? 'remote write 2.0' : mediaType || 'a body without content-type';
      throw new MdsError('MDS_MEDIA_TYPE_UNKNOWN', { found, known: `remote write 1.0 (${MEDIA_TYPE})` });
    }
    const { facts, histograms } = readWriteRequest(body, maxBytes);
    const results = await takeObjects(facts.map(mappings.prometheus()));
    const further =
      histograms === 0 ? [] : [`${histograms} native histograms are not supported: set send_native_histograms: false`];
    return plainAnswer(results, 204, further);
  },
});
