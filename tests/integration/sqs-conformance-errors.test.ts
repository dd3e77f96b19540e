import type { SendMessageBatchRequestEntry, SendMessageCommandInput } from '@aws-sdk/client-sqs';
import { INVALID, refusal, sqsForChecks, type TestQueue } from '../support/sqs-conformance';

const sqs = sqsForChecks();
const MEBIBYTE = 1024 * 1024;
const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const attributes = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, text('x')]));
const kind = text('sample');
/** What a body may have beside this attribute. */
const room = MEBIBYTE - 'kind'.length - 'String'.length - 'sample'.length;
const NO_GROUP = 'The request must contain the parameter MessageGroupId.';
const NO_ID =
  'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly';
const TOO_LARGE = 'One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.';
const EMPTY = "Message (user) attribute 'kind' must contain a non-empty value of type 'String'.";

interface Message {
  fifo?: true;
  body?: string;
  options?: Partial<SendMessageCommandInput>;
}
const withAttribute = (bytes: number) => ({ body: 'x'.repeat(bytes), options: { MessageAttributes: { kind } } });
const sendOne = async ({ fifo, body = 'm1', options }: Message) =>
  sqs.send(await (fifo ? sqs.fifo() : sqs.standard()), body, options);

test.each<[string, Message]>([
  ['with a group id of 128 characters', { fifo: true, options: { MessageGroupId: 'g'.repeat(128) } }],
  ['of one mebibyte', { body: 'x'.repeat(MEBIBYTE) }],
  ['whose attributes fill the mebibyte', withAttribute(room)],
  ['with ten attributes', { options: { MessageAttributes: attributes(10) } }],
  ['with white space and emoji', { body: 'tab\t line\n return\r emoji 😀' }],
])('A message %s is taken', async (_what, message) => {
  await expect(sendOne(message)).resolves.toBeDefined();
});

const group = (MessageGroupId: string | undefined): Message => ({ fifo: true, options: { MessageGroupId } });
const withoutId: Message = { fifo: true, options: { MessageDeduplicationId: undefined } };
test.each<[string, Message, name: string, message?: string]>([
  ['without a group in a FIFO queue', group(undefined), 'MissingParameter', NO_GROUP],
  ['without a deduplication id or deduplication by content', withoutId, INVALID, NO_ID],
  ['with a group id of 129 characters', group('g'.repeat(129)), INVALID],
  ['with a delay of its own in a FIFO queue', { fifo: true, options: { DelaySeconds: 1 } }, INVALID],
  ['with a deduplication id in a standard queue', { options: { MessageDeduplicationId: 'd' } }, INVALID],
  ['with a space in its group id', group('a b'), INVALID],
  ['of more than one mebibyte', { body: 'x'.repeat(MEBIBYTE + 1) }, INVALID, TOO_LARGE],
  ['of more than one mebibyte with its attributes', withAttribute(room + 1), INVALID],
  ['with eleven attributes', { options: { MessageAttributes: attributes(11) } }, INVALID],
  ['with an empty attribute', { options: { MessageAttributes: { kind: text('') } } }, INVALID, EMPTY],
  ['with U+0000', { body: 'bad \u0000' }, 'InvalidMessageContents'],
  ['with U+FFFF', { body: 'bad \uFFFF' }, 'InvalidMessageContents'],
  ['without a body', { body: '' }, 'MissingParameter'],
])('A message %s is refused', async (_what, message, ...error) => {
  await expect(sendOne(message)).rejects.toMatchObject(refusal(...error));
});

const sendBatch = ({ url }: TestQueue, entries: SendMessageBatchRequestEntry[]) =>
  sqs.client().sendMessageBatch({ QueueUrl: url, Entries: entries });
const plain = (Id: string, MessageBody = 'm') => ({ Id, MessageBody });
const numbered = (count: number) => Array.from({ length: count }, (_, n) => plain(`${n}`, `m${n}`));
const entry = (Id: string, changes: Partial<SendMessageBatchRequestEntry> = {}) => ({
  ...{ Id, MessageBody: 'm', MessageGroupId: 'g', MessageDeduplicationId: Id },
  ...changes,
});
const goodAndBad = (changes: Partial<SendMessageBatchRequestEntry>) => [entry('good'), entry('bad', changes)];
const large = [plain('a', 'x'.repeat(MEBIBYTE / 2)), plain('b', 'x'.repeat(MEBIBYTE / 2 + 1))];
const TOO_MANY = 'Maximum number of entries per request are 10. You have sent 11.';
const TOO_LONG = 'Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.';

test.each<[string, 'fifo' | 'standard', SendMessageBatchRequestEntry[], name: string, message?: string]>([
  ['no entry', 'standard', [], 'EmptyBatchRequest'],
  ['eleven entries', 'standard', numbered(11), 'TooManyEntriesInBatchRequest', TOO_MANY],
  ['an id twice', 'standard', [plain('a'), plain('a')], 'BatchEntryIdsNotDistinct'],
  ['an entry without a group', 'fifo', goodAndBad({ MessageGroupId: undefined }), INVALID],
  ['an entry without a deduplication id', 'fifo', goodAndBad({ MessageDeduplicationId: undefined }), INVALID, NO_ID],
  ['more than one mebibyte in total', 'standard', large, 'BatchRequestTooLong', TOO_LONG],
])('A batch with %s sends nothing', async (_what, type, entries, ...error) => {
  const queue = await sqs[type]();

  await expect(sendBatch(queue, entries)).rejects.toMatchObject(refusal(...error));
  expect(await sqs.bodies(queue)).toBe('');
});

test('A batch of ten entries is sent in order, without a list of failures', async () => {
  const queue = await sqs.fifo();
  const entries = numbered(10).map(({ Id, MessageBody }) => entry(Id, { MessageBody }));
  const { Successful, Failed } = await sendBatch(queue, entries);

  expect([Successful?.length, Failed]).toEqual([10, undefined]);
  expect(await sqs.bodies(queue)).toBe('m0 m1 m2 m3 m4 m5 m6 m7 m8 m9');
});

test('A batch fails in part and sends the other entries', async () => {
  const queue = await sqs.standard();

  expect(await sendBatch(queue, [plain('good', 'm1'), plain('bad', 'bad \u0000')])).toMatchObject({
    Successful: [{ Id: 'good' }],
    Failed: [{ Id: 'bad', SenderFault: true, Code: 'InvalidMessageContents' }],
  });
  expect(await sqs.bodies(queue)).toBe('m1');
});

const redriveTo = (deadLetterTargetArn: string) => ({
  RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 3 }),
});
const missing = ({ url }: TestQueue) => url.replace('conformance', 'missing');
const unmarked = { QueueName: 'conformance-plain', Attributes: { FifoQueue: 'true' } };
const NO_HANDLE = 'ReceiptHandleIsInvalid';
const ofAnotherQueue = async () => (await sqs.received(sqs.standard)).message;

test.each<[string, request: (queue: TestQueue) => Promise<unknown>, name: string]>([
  ['a receive of more than ten messages', (queue) => sqs.receive(queue, { MaxNumberOfMessages: 11 }), INVALID],
  ['a queue that does not exist', (queue) => sqs.receive({ ...queue, url: missing(queue) }), 'QueueDoesNotExist'],
  ['a FIFO queue whose name does not end in .fifo', () => sqs.client().createQueue(unmarked), INVALID],
  ['a value out of range', (queue) => sqs.set(queue, { VisibilityTimeout: '43201' }), 'InvalidAttributeValue'],
  ['a receipt handle that is none', (queue) => sqs.remove(queue, { ReceiptHandle: 'nonsense' }), NO_HANDLE],
  ['a receipt handle of another queue', async (queue) => sqs.remove(queue, await ofAnotherQueue()), NO_HANDLE],
  ['a redrive to a queue that does not exist', (queue) => sqs.set(queue, redriveTo(`${queue.arn}x`)), INVALID],
  ['a redrive to a queue of the other type', async () => sqs.fifo(redriveTo((await sqs.standard()).arn)), INVALID],
  ['a redrive to itself', (queue) => sqs.set(queue, redriveTo(queue.arn)), INVALID],
  [
    'a redrive to a DLQ that allows other queues only',
    async (queue) => {
      const allowed = { redrivePermission: 'byQueue', sourceQueueArns: [`${queue.arn}x`] };
      const dlq = await sqs.fifo({ RedriveAllowPolicy: JSON.stringify(allowed) });
      return sqs.set(queue, redriveTo(dlq.arn));
    },
    INVALID,
  ],
])('A queue refuses %s', async (_what, request, name) => {
  await expect(request(await sqs.fifo())).rejects.toMatchObject({ name });
});

test('A queue is found by its name, and by the beginning of it', async () => {
  const { name, url } = await sqs.fifo();
  const listed = async (QueueNamePrefix: string) => (await sqs.client().listQueues({ QueueNamePrefix })).QueueUrls;

  expect((await sqs.client().getQueueUrl({ QueueName: name })).QueueUrl).toBe(url);
  expect([await listed(name.slice(0, -5)), await listed(`${name}x`)]).toEqual([[url], undefined]);
});

test('A list of queues comes in pages if the request names their size', async () => {
  const names = [await sqs.standard(), await sqs.standard()].map(({ url }) => url).sort();
  const found: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await sqs.client().listQueues({ QueueNamePrefix: 'conformance-', MaxResults: 1, NextToken });
    found.push(...(page.QueueUrls ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);

  expect(found).toEqual(expect.arrayContaining(names));
});

test('A batch of deletes fails in part and deletes the other messages', async () => {
  const { queue, message } = await sqs.received(sqs.fifo);
  const Entries = [
    { Id: 'good', ReceiptHandle: message.ReceiptHandle },
    { Id: 'bad', ReceiptHandle: 'nonsense' },
  ];

  const { Successful, Failed } = await sqs.client().deleteMessageBatch({ QueueUrl: queue.url, Entries });
  expect([Successful, Failed]).toMatchObject([[{ Id: 'good' }], [{ Id: 'bad', SenderFault: true }]]);
});
