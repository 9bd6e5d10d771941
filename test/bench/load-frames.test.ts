import t from 'tap';
import { isEventsFrame, readEvents, readHead } from '../../bench/load/events-frame.ts';
import { clientFrame, FrameReader, HEAD_BYTES, OPCODE } from '../../bench/load/socket-frames.ts';

/** As a server sends them: without a mask. */
function serverFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.from([0x80 | opcode, length]), payload]);
  const header = length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  header[0] = 0x80 | opcode;
  header[1] = length < 65_536 ? 126 : 127;
  if (length < 65_536) header.writeUInt16BE(length, 2);
  else header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, payload]);
}

function told(chunks: readonly Buffer[], isLight: boolean): string[] {
  const heard: string[] = [];
  const reader = new FrameReader(
    {
      onMessage: (bytes) => heard.push(`message ${bytes.length} ${bytes.subarray(0, 3)}`),
      onHead: (head, length) => heard.push(`message ${length} ${head.subarray(0, 3)}`),
      onPing: (payload) => heard.push(`ping ${payload}`),
      onClose: (code, reason) => heard.push(`close ${code} ${reason}`),
    },
    isLight,
  );
  for (const chunk of chunks) reader.push(chunk);
  return heard;
}

const CLOSE = Buffer.concat([Buffer.from([0x0f, 0xa1]), Buffer.from('slow')]);
const STREAM = Buffer.concat([
  serverFrame(1, Buffer.from('abc')),
  serverFrame(9, Buffer.from('are you there')),
  serverFrame(1, Buffer.alloc(HEAD_BYTES + 1, 'x')),
  serverFrame(1, Buffer.alloc(70_000, 'y')),
  serverFrame(1, Buffer.from('')),
  serverFrame(8, CLOSE),
]);
const HEARD = [
  'message 3 abc',
  'ping are you there',
  'message 257 xxx',
  'message 70000 yyy',
  'message 0 ',
  'close 4001 slow',
];

for (const isLight of [false, true]) {
  t.test(
    `frames are read wherever the stream is cut${isLight ? ', also when only heads are wanted' : ''}`,
    async (t) => {
      t.strictSame(told([STREAM], isLight), HEARD);
      for (let cut = 0; cut < 600; cut++) {
        const chunks = [STREAM.subarray(0, cut), STREAM.subarray(cut, cut + 1), STREAM.subarray(cut + 1)];
        if (told(chunks, isLight).join() !== HEARD.join()) t.fail(`cut at ${cut}`);
      }
      const pieces = Array.from({ length: Math.ceil(STREAM.length / 1000) }, (_, i) =>
        STREAM.subarray(i * 1000, (i + 1) * 1000),
      );
      t.strictSame(told(pieces, isLight), HEARD);
    },
  );
}

t.test('a frame of the client is masked and has its length', async (t) => {
  const short = clientFrame(OPCODE.text, Buffer.from('{}'));
  t.strictSame([...short], [0x81, 0x82, 0, 0, 0, 0, 0x7b, 0x7d]);
  const long = clientFrame(OPCODE.text, Buffer.alloc(300, 'a'));
  t.equal(long.length, 8 + 300);
  t.equal(long.readUInt16BE(2), 300);
});

t.test('an events frame of the edge is read without parsing it', async (t) => {
  const channel = '0123456789abcdef0123456789abcdef';
  const events = [5, 9].map((offset, index) => ({
    at: [offset, index],
    data: { id: 'a', timestamp: 1_790_000_000_000_000 + offset, value: 1 },
  }));
  // The order of members is the edge's (test/workers/edge/events-frame.test.ts holds it).
  const bytes = Buffer.from(
    JSON.stringify({
      type: 'events',
      channel,
      partition: 12,
      from: [4, 2],
      to: [9, 7],
      times: [1_790_000_000_001.5, 1_790_000_000_002, 1_790_000_000_003],
      events,
    }),
  );
  t.ok(isEventsFrame(bytes));
  t.notOk(isEventsFrame(Buffer.from('{"type":"position","id":"a"}')));
  t.match(readHead(bytes), {
    channel,
    partition: 12,
    recordMs: 1_790_000_000_001,
    publishedMs: 1_790_000_000_002,
    sentMs: 1_790_000_000_003,
  });
  const read: number[][] = [];
  t.equal(
    readEvents(bytes, (...event) => read.push(event)),
    2,
  );
  t.strictSame(read, [
    [5, 0, 1_790_000_000_000_005],
    [9, 1, 1_790_000_000_000_009],
  ]);
});
