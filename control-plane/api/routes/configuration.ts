// /v1/configuration: what processes are set to, and changing it while they run.

import { Type } from 'typebox';
import { OPERATOR } from '../../../platform/http-door/access.ts';
import { ChangedConfiguration, ConfigurationChange, ConfigurationList } from '../../../schemas/api/configuration.ts';
import type { ConfigurationService } from '../../settings/configuration-service.ts';
import { type App, problemsOf } from '../app.ts';

const tags = ['configuration'];
const Component = Type.String({ minLength: 1, maxLength: 100 });

export function configurationRoutes(app: App, configuration: ConfigurationService): void {
  app.get(
    '/v1/configuration',
    {
      config: { access: OPERATOR },
      schema: {
        tags,
        summary: 'The configuration that each process has in effect, and where each value comes from',
        description: 'Secrets are masked. Some seconds old.',
        querystring: Type.Object({ component: Type.Optional(Component) }, { additionalProperties: false }),
        response: { 200: ConfigurationList, ...problemsOf('MDS_FORBIDDEN') },
      },
    },
    async (request) => ({ items: await configuration.list(request.query.component) }),
  );

  app.patch(
    '/v1/configuration/:component',
    {
      config: { access: OPERATOR, audit: { action: 'change', kind: 'configuration', id: { param: 'component' } } },
      schema: {
        tags,
        summary: 'Change settings of all processes of a kind while they run, or take changes back',
        description:
          'Only settings that are `isChangeable`. It holds within two seconds, also for processes that start later.',
        params: Type.Object({ component: Component }),
        body: ConfigurationChange,
        response: { 200: ChangedConfiguration, ...problemsOf('MDS_NOT_FOUND', 'MDS_FORBIDDEN') },
      },
    },
    async ({ params: { component }, body, identity, change }) => {
      const changed = await configuration.change(component, body, identity.subject);
      change.after = { ...body, revision: changed.revision };
      return changed;
    },
  );
}
