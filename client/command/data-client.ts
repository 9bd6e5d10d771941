// The query process that commands about data talk to.

import { Option } from 'commander';
import { MdsError } from '../../schemas/errors.ts';
import { DataClient } from '../library/data.ts';
import type { Fetch } from '../library/runtime.ts';

/** What `make run` starts. */
const DEFAULT_URL = 'http://127.0.0.1:9438';

export const queryOption = (): Option =>
  new Option('--query <url>', `query process (default: $MDS_QUERY_URL, else ${DEFAULT_URL})`);

/** @param given value of `--query` @throws MdsError `MDS_CONFIG_INVALID` */
export function dataClient(given: string | undefined, fetch: Fetch): DataClient {
  const url = given || process.env.MDS_QUERY_URL || DEFAULT_URL;
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return new DataClient(url, fetch);
  const name = given ? '--query' : 'MDS_QUERY_URL';
  throw new MdsError('MDS_CONFIG_INVALID', { problems: [`${name} must be an http:// or https:// URL, not ${url}`] });
}
