// Where an edge takes WebSockets.

export const STREAM_PATH = '/v1/stream';
