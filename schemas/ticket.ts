// A ticket stands for a credential for some seconds, once: browsers cannot set headers on an EventSource, and a key in a URL
// would end up in logs. Whoever makes one shows a credential in the Authorization header; whoever uses it uses it up.

/** 30 s: a page makes its ticket right before it connects. */
export const TICKET_TTL_MS = 30_000;

/** Redis is shared by edges: a ticket of one is good at all of them. @param hash of the ticket */
export const ticketKey = (prefix: string, hash: string): string => `${prefix}:ticket:${hash}`;
