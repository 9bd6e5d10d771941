// Syslog: what a stream is cut into, and what a message says.

import t from 'tap';
import { SyslogFramer } from '../../../workers/ingest/syslog/framer.ts';
import { readSyslog } from '../../../workers/ingest/syslog/message.ts';

const framed = (...chunks: string[]): string[] => {
  const framer = new SyslogFramer(100);
  const messages = chunks.flatMap((chunk) => framer.push(Buffer.from(chunk)));
  const last = framer.end();
  return [...messages, ...(last ? [last] : [])].map(String);
};
const read = (text: string | Buffer) => readSyslog(Buffer.from(text), '10.0.0.1', 7);

t.test('messages with a length and messages in lines may follow each other', async (t) => {
  t.same(framed('5 <1>ab<2>line\r\n5 <3>\nd\n<4>last'), ['<1>ab', '<2>line', '<3>\nd', '<4>last']);
  t.same(framed('5', ' <', '1>ab', '<2>li', 'ne\n'), ['<1>ab', '<2>line']);
  t.same(framed('5 <1>a'), [], 'half a counted message is none');
});

t.test('what is no frame, or too long, ends the stream', async (t) => {
  for (const bad of ['hello', '5x<1>ab', '101 <', '12345678 <', `<1>${'x'.repeat(101)}`, '0 x']) {
    t.throws(() => framed(bad), { code: 'MDS_SYSLOG_FRAMING' }, bad);
  }
});

t.test('all parts of a message are facts', async (t) => {
  const { facts, token } = read(
    '<165>1 2026-01-31T12:00:00.003001+01:00 web-1 su 42 ID47 [ex@1 a="1" q="x\\]\\"y"][o p=""] \ufeffit failed',
  );
  t.match(facts, {
    plain: {
      ...{
        facility: 20,
        severity: 5,
        hostname: 'web-1',
        appName: 'su',
        procId: '42',
        msgId: 'ID47',
        message: 'it failed',
      },
      ...{ timestamp: 1_769_857_200_003_001, peer: '10.0.0.1', receivedAt: 7 },
    },
    groups: { data: { 'ex@1.a': '1', 'ex@1.q': 'x]"y', 'o.p': '' } },
  });
  t.equal(token, null);
});

t.test('what is not known is not there', async (t) => {
  const { facts } = read('<13>1 - - - - - -');
  t.match(facts.plain, { hostname: undefined, timestamp: undefined, message: '', severity: 5 });
});

t.test('a message of another format keeps its text', async (t) => {
  for (const text of ['<34>Oct 11 22:14:15 mymachine su: failed', '<999>1 - - - - - -', '<34>1 never h a - - - x']) {
    t.match(read(text).facts.plain, { message: text, format: 'other' });
  }
  t.equal(read('<34>Oct 11 x').facts.plain.severity, 2);
  t.equal(read(Buffer.from([0x3c, 0x31, 0x3e, 0xe4])).facts.plain.message, '<1>ä');
});

t.test('the token is read, and stands in no fact', async (t) => {
  const { facts, token } = read('<13>1 - h a - - [ex@1 a="1"][mds@32473 token="mds_1_s3cret"] hello');
  t.equal(token, 'mds_1_s3cret');
  t.match(facts.groups, { data: { 'ex@1.a': '1' } });
  t.notMatch(JSON.stringify(facts), /s3cret/);
  t.notMatch(JSON.stringify(read('[mds@32473 token="mds_1_s3cret"]').facts), /s3cret/);
});
