// Makes the OpenAPI document complete: what @fastify/swagger writes from the routes' schemas, and with it an id, examples of
// the request, of the answer and of every problem for each operation, and how callers show who they are. Pure.

import { STATUS_CODES } from 'node:http';
import { PROBLEM_CONTENT_TYPE } from '../../schemas/api/problem.ts';
import { isMdsErrorCode, type MdsErrorCode } from '../../schemas/errors.ts';
import { type ExampleSchema, exampleOf } from './example-of.ts';
import { problemExample } from './problem-example.ts';

interface MediaType {
  readonly schema?: ExampleSchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

export interface ApiParameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: ExampleSchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown; readonly 'x-disabled'?: boolean }>>;
}

export interface ApiResponse {
  readonly description: string;
  readonly content?: Readonly<Record<string, MediaType>>;
}

export interface ApiOperation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly ApiParameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, MediaType>> };
  readonly responses: Readonly<Record<string, ApiResponse>>;
  /** Which process answers it; none: the control plane. */
  readonly 'x-door'?: string;
  readonly servers?: readonly { readonly url: string; readonly description: string }[];
}

export type ApiPath = Readonly<Record<string, ApiOperation>>;

/** The part of an OpenAPI document that is looked at. */
export interface ApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, ApiPath>>;
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

const SECURITY = {
  securitySchemes: {
    bearer: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'API key (mds_<id>_<secret>) or JWT',
      description: 'Wanted unless the service runs with MDS_AUTH=off. Never in a URL.',
    },
  },
};

/** What Fastify itself says of a path or a body, before any route sees it. */
const PATH_STATUSES = [414];
const BODY_STATUSES = [413, 415];

export function completeDocument(document: ApiDocument): ApiDocument & { readonly security: readonly unknown[] } {
  const paths = Object.entries(document.paths).map(([path, operations]) => [
    path,
    mapValues(operations, (operation, method) => completeOperation(method, path, operation)),
  ]);
  return {
    ...document,
    components: { ...document.components, ...SECURITY },
    security: [{ bearer: [] }],
    paths: Object.fromEntries(paths),
  };
}

function completeOperation(method: string, path: string, operation: ApiOperation): ApiOperation {
  const { parameters, requestBody, responses } = operation;
  const early = [...(path.includes('{') ? PATH_STATUSES : []), ...(requestBody === undefined ? [] : BODY_STATUSES)];
  const said = { ...invalidRequests(early), ...responses };
  return {
    operationId: operationIdOf(method, path),
    ...operation,
    ...(parameters === undefined ? {} : { parameters: parameters.map(completeParameter) }),
    ...(requestBody === undefined
      ? {}
      : { requestBody: { required: true, ...requestBody, content: mapValues(requestBody.content, completeMedia) } }),
    responses: mapValues(said, completeResponse),
  };
}

const invalidRequests = (statuses: readonly number[]): Record<string, ApiResponse> =>
  Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: 'MDS_REQUEST_INVALID',
        content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } as ExampleSchema } },
      },
    ]),
  );

/** `get /v1/topics/{name}` → `getTopicsByName` */
export function operationIdOf(method: string, path: string): string {
  const words = path
    .split('/')
    .filter((part) => part !== '' && part !== 'v1')
    .map((part) => (part.startsWith('{') ? `by-${part.slice(1, -1)}` : part))
    .join('-');
  return method + words.replace(/(?:^|[-._])(\w)/g, (_all, letter: string) => letter.toUpperCase());
}

/** What the page at /docs has in the field of a parameter that may be left out is not sent until a person says so. */
function completeParameter(parameter: ApiParameter): ApiParameter {
  const { example, examples, ...rest } = parameter;
  if (examples !== undefined) return parameter;
  const { name, schema = {}, required } = rest;
  const value = example ?? exampleOf(schema, PARAMETER_WORDS[name] ?? name);
  return required ? { ...rest, example: value } : { ...rest, examples: { usual: { value, 'x-disabled': true } } };
}

export const parameterExample = ({ example, examples = {} }: ApiParameter): unknown =>
  example ?? Object.values(examples)[0]?.value;

/** Parameters whose names are spelt unlike the properties they stand for. */
const PARAMETER_WORDS: Readonly<Record<string, string>> = { 'idempotency-key': 'idempotencyKey' };

function completeMedia(media: MediaType): MediaType {
  if ('example' in media || 'examples' in media || media.schema === undefined) return media;
  return { ...media, example: exampleOf(media.schema) };
}

function completeResponse(response: ApiResponse, status: string): ApiResponse {
  const { content } = response;
  const description = response.description === 'Default Response' ? (STATUS_CODES[status] ?? '') : response.description;
  if (content === undefined) return { ...response, description };
  return {
    ...response,
    description,
    content: mapValues(content, (media, type) =>
      type === PROBLEM_CONTENT_TYPE ? withProblems(media, codesIn(response), Number(status)) : completeMedia(media),
    ),
  };
}

/** The codes that a response's description lists (`problemsOf`). */
export const codesIn = ({ description }: ApiResponse): MdsErrorCode[] =>
  description.split(/[^A-Z_]+/).filter((word): word is MdsErrorCode => isMdsErrorCode(word));

const withProblems = (media: MediaType, codes: readonly MdsErrorCode[], status: number): MediaType => ({
  ...media,
  examples: Object.fromEntries(codes.map((code) => [code, { value: problemExample(code, status) }])),
});

function mapValues<Value, Mapped>(
  record: Readonly<Record<string, Value>>,
  map: (value: Value, key: string) => Mapped,
): Record<string, Mapped> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
