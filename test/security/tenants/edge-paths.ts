// What the edge answers over HTTP, in the words of an OpenAPI document.

import type { ApiDocument, ApiOperation, ApiPath } from '../../../platform/openapi/complete-document.ts';

const operation: ApiOperation = { 'x-door': 'edge', responses: {} };
const PATHS: Readonly<Record<string, ApiPath>> = {
  '/v1/topics/{topic}/events': { get: operation },
  '/v1/tickets': { post: operation },
};

export function withEdge(document: ApiDocument): ApiDocument {
  const paths = Object.entries(PATHS).map(([path, methods]): [string, ApiPath] => [
    path,
    { ...methods, ...document.paths[path] },
  ]);
  return { ...document, paths: { ...document.paths, ...Object.fromEntries(paths) } };
}
