// Imported before uWebSockets.js, which reads this variable when it is loaded, and never again. Its own limit of 4 KiB is too
// small for a filter in the URL and a token of a topic with hundreds of partitions in `Last-Event-ID`; what is longer than
// the limit is answered by itself with 431, and a client that sends its headers slowly is cut off after some seconds.

/** Line and headers of a request: the longest filter, and the token of a topic with 1,000 partitions. */
export const MAX_HEADERS_BYTES = 65_536;

process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(MAX_HEADERS_BYTES);
