// The value of `--fields`.

import { InvalidArgumentError } from 'commander';

export function fieldList(text: string): string[] {
  const fields = text.split(',').map((field) => field.trim());
  if (fields.some((field) => field === ''))
    throw new InvalidArgumentError('It must be field paths with commas between.');
  return fields;
}
