// What the `mds` command can be told by its environment; `--api` and `--brokers` go before.

import { type Static, Type } from 'typebox';
import { kafkaConfig } from '../../platform/config-fragments.ts';

export const CommandConfig = Type.Object({
  ...kafkaConfig,
  apiUrl: Type.String({
    default: 'http://127.0.0.1:9400',
    pattern: '^https?://.+',
    expected: 'an http:// or https:// URL',
    description: 'Base URL of the control plane. The default is what `make run` starts.',
  }),
});
export type CommandConfig = Static<typeof CommandConfig>;
