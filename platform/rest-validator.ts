// Checks requests with TypeBox and reports every problem of a part at once, each with its place. Query and path are text,
// so they are converted and filled with defaults first; bodies are taken as they are.

import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Convert, Default } from 'typebox/value';

/** One wrong schema can give thousands of problems; the first ones are what helps. */
const MAX_PROBLEMS = 50;

export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  return (given: unknown) => {
    const value = httpPart === 'body' ? given : Convert(schema, Default(schema, given ?? {}));
    if (validator.Check(value)) return { value };
    const problems: FastifySchemaValidationError[] = validator.Errors(value).slice(0, MAX_PROBLEMS);
    return { error: problems };
  };
};
