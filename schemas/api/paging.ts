// Lists come in pages: an opaque token leads from one to the next, and stays valid while the list changes.

import { type Static, type TSchema, Type } from 'typebox';

/** 50 topics with their schemas stay below 200 KB; 500 below 2 MB, so that no answer holds up the others. */
export const DEFAULT_PAGE_LIMIT = 50;
export const MAX_PAGE_LIMIT = 500;

export const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE_LIMIT, default: DEFAULT_PAGE_LIMIT })),
    pageToken: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description: 'nextPageToken of a page.' })),
  },
  { additionalProperties: false },
);
export type PageQuery = Static<typeof PageQuery>;

export const pageOf = <Item extends TSchema>(item: Item) =>
  Type.Object({
    items: Type.Array(item),
    nextPageToken: Type.Union([Type.String(), Type.Null()], { description: 'null on the last page.' }),
  });

/** A list that is always complete. */
export const listOf = <Item extends TSchema>(item: Item) => Type.Object({ items: Type.Array(item) });
