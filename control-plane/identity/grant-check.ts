// Filters of grants, checked when they are given: as CEL, and against the schemas of the topics that are there already.
// What cannot be checked now is checked when somebody reads; what then does not fit allows nothing.

import { eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { MdsError } from '../../schemas/errors.ts';
import { type Claims, claimValues } from '../../schemas/identity/claims.ts';
import { covers, type Grant } from '../../schemas/identity/identity.ts';
import { parseFilter } from '../../schemas/plan/parse.ts';
import { demandedFilterText } from '../../schemas/plan/plan.ts';

export interface CheckedTopic {
  readonly name: string;
  readonly schemaJson: string;
}

/**
 * @param claims what filters may read; null where only tokens will tell, and topics are those of nobody yet
 * @throws MdsError `MDS_FILTER_…` with `details.at` and the number of the grant
 */
export function checkGrants(grants: readonly Grant[], topics: readonly CheckedTopic[], claims: Claims | null): void {
  for (const [index, grant] of grants.entries()) {
    try {
      checkGrant(grant, topics, claims);
    } catch (error) {
      if (error instanceof MdsError)
        throw new MdsError(error.code, { ...error.details, grant: index }, { cause: error });
      throw error;
    }
  }
}

function checkGrant(
  { filter = '', topics: patterns }: Grant,
  topics: readonly CheckedTopic[],
  claims: Claims | null,
): void {
  if (filter.trim() === '') return;
  parseFilter(filter);
  if (claims === null) return;
  const problems: unknown[] = [];
  const meant = topics.filter(({ name }) => patterns.some((pattern) => covers(pattern, name)));
  for (const { name, schemaJson } of meant) {
    const problem = problemWith(filter, schemaJson, claims);
    // A pattern may cover topics of other schemas, of which nothing can be read then; a name means its topic.
    if (problem !== undefined && patterns.includes(name)) throw problem;
    if (problem !== undefined) problems.push(problem);
  }
  if (meant.length > 0 && problems.length === meant.length) throw problems[0];
}

function problemWith(filter: string, schemaJson: string, claims: Claims): unknown {
  try {
    const schema = parseAvroSchema(JSON.parse(schemaJson));
    demandedFilterText(filter, schema.kind === 'record' ? eventSchemaOf(schema) : schema, claimValues(claims));
    return undefined;
  } catch (error) {
    return error;
  }
}
