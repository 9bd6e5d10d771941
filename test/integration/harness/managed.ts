// What a process context has for management, for processes that a test starts in its own process.

import type { TObject } from 'typebox';
import { ErrorBook } from '../../../platform/management/error-book.ts';
import { LiveSettings } from '../../../platform/management/live-settings.ts';

export const managed = (component: string, schema: TObject, config: object) => ({
  errors: new ErrorBook(component),
  settings: new LiveSettings(schema, { ...config }),
});
