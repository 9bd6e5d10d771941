// Configuration of the control plane.

import t from 'tap';
import { ControlPlaneConfig } from '../../control-plane/config.ts';
import { loadConfig } from '../../platform/config.ts';

t.test('the defaults are those of the local stack', async (t) => {
  const config = loadConfig(ControlPlaneConfig, { MDS_AUTH: 'off' });
  t.match(config, { host: '127.0.0.1', httpPort: 9400, redisPrefix: 'mds' });
  t.match(config.pageDir, /client\/page\/dist$/);
});

t.test('an address that others can reach is refused with the reason while everybody may do everything', async (t) => {
  for (const MDS_HOST of ['0.0.0.0', '192.168.1.1', '::', 'example.org']) {
    const error = t.throws(() => loadConfig(ControlPlaneConfig, { MDS_HOST, MDS_AUTH: 'off' }), {
      code: 'MDS_CONFIG_INVALID',
    });
    t.match(String(error), /MDS_HOST .* must be a loopback address/);
  }
});
