import {
  CreateQueueCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SendMessageCommandInput,
} from '@aws-sdk/client-sqs';
import { type Checks, conformance, type Sqs, type TestQueue } from '../support/sqs-conformance';

const MEBIBYTE = 1024 * 1024;
const INVALID = 'InvalidParameterValue';
const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const attributes = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, text('x')]));
const kind = text('sample');
/** What a body may have beside this attribute. */
const room = MEBIBYTE - 'kind'.length - 'String'.length - 'sample'.length;

interface Message {
  fifo?: true;
  body?: string;
  options?: Partial<SendMessageCommandInput>;
}
const create = (sqs: Sqs, { fifo }: Message) => (fifo ? sqs.fifo() : sqs.standard());

/** Messages that SQS takes. */
const TAKEN: Record<string, Message> = {
  'with a group id of 128 characters': { fifo: true, options: { MessageGroupId: 'g'.repeat(128) } },
  'of one mebibyte': { body: 'x'.repeat(MEBIBYTE) },
  'whose attributes fill the mebibyte': { body: 'x'.repeat(room), options: { MessageAttributes: { kind } } },
  'with ten attributes': { options: { MessageAttributes: attributes(10) } },
  'with white space and emoji': { body: 'tab\t line\n return\r emoji 😀' },
};

/** Messages that SQS refuses, with the name of the error and, where our code or logs show it, its message. */
const REFUSED: Record<string, [Message, name: string, message?: string]> = {
  'without a group in a FIFO queue': [
    { fifo: true, options: { MessageGroupId: undefined } },
    'MissingParameter',
    'The request must contain the parameter MessageGroupId.',
  ],
  'without a deduplication id or deduplication by content': [
    { fifo: true, options: { MessageDeduplicationId: undefined } },
    INVALID,
    'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  ],
  'with a group id of 129 characters': [{ fifo: true, options: { MessageGroupId: 'g'.repeat(129) } }, INVALID],
  'with a deduplication id in a standard queue': [{ options: { MessageDeduplicationId: 'd' } }, INVALID],
  'with a space in its group id': [{ fifo: true, options: { MessageGroupId: 'a b' } }, INVALID],
  'of more than one mebibyte': [
    { body: 'x'.repeat(MEBIBYTE + 1) },
    INVALID,
    'One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.',
  ],
  'of more than one mebibyte with its attributes': [
    { body: 'x'.repeat(room + 1), options: { MessageAttributes: { kind } } },
    INVALID,
  ],
  'with eleven attributes': [{ options: { MessageAttributes: attributes(11) } }, INVALID],
  'with an empty attribute': [
    { options: { MessageAttributes: { kind: text('') } } },
    INVALID,
    "Message (user) attribute 'kind' must contain a non-empty value of type 'String'.",
  ],
  'with U+0000': [{ body: 'bad \u0000' }, 'InvalidMessageContents'],
  'with U+FFFF': [{ body: 'bad \uFFFF' }, 'InvalidMessageContents'],
  'without a body': [{ body: '' }, 'MissingParameter'],
};

/** A table as checks. */
const checksOf = <T>(table: Record<string, T>, title: (what: string) => string, check: (row: T) => Checks[string]) =>
  Object.fromEntries(Object.entries(table).map(([what, row]) => [title(what), check(row)]));

const refusal = (name: string, message?: string) => ({ name, ...(message && { message }) });
const sendOne =
  (message: Message): Checks[string][0] =>
  async (sqs) =>
    sqs.send(await create(sqs, message), message.body ?? 'm1', message.options);

conformance('A message', {
  ...checksOf(
    TAKEN,
    (what) => `${what} is taken`,
    (message) => [sendOne(message), { $metadata: { httpStatusCode: 200 } }],
  ),
  ...checksOf(
    REFUSED,
    (what) => `${what} is refused`,
    ([message, ...error]) => [sendOne(message), refusal(...error)],
  ),
});

const sendBatch = (sqs: Sqs, queue: TestQueue, entries: SendMessageBatchRequestEntry[]) =>
  sqs.client.send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries: entries }));

const numbered = (count: number): SendMessageBatchRequestEntry[] =>
  Array.from({ length: count }, (_, n) => ({ Id: `${n}`, MessageBody: `m${n}` }));
const entry = (Id: string, changes: Partial<SendMessageBatchRequestEntry> = {}) => ({
  ...{ Id, MessageBody: 'm', MessageGroupId: 'g', MessageDeduplicationId: 'd' },
  ...changes,
});
const plain = (Id: string, MessageBody = 'm') => ({ Id, MessageBody });

/** Batches that SQS refuses as a whole. */
const BATCHES: Record<string, [fifo: boolean, SendMessageBatchRequestEntry[], name: string, message?: string]> = {
  'no entry': [false, [], 'EmptyBatchRequest'],
  'eleven entries': [
    false,
    numbered(11),
    'TooManyEntriesInBatchRequest',
    'Maximum number of entries per request are 10. You have sent 11.',
  ],
  'an id twice': [false, [plain('a'), plain('a')], 'BatchEntryIdsNotDistinct'],
  'an entry without a group': [true, [entry('good'), entry('bad', { MessageGroupId: undefined })], INVALID],
  'an entry without a deduplication id': [
    true,
    [entry('good'), entry('bad', { MessageDeduplicationId: undefined })],
    INVALID,
    'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  ],
  'more than one mebibyte in total': [
    false,
    [plain('a', 'x'.repeat(MEBIBYTE / 2)), plain('b', 'x'.repeat(MEBIBYTE / 2 + 1))],
    'BatchRequestTooLong',
    'Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.',
  ],
};

conformance('A batch', {
  ...checksOf(
    BATCHES,
    (what) => `with ${what} sends nothing`,
    ([fifo, entries, ...error]) => [
      async (sqs) => {
        const queue = await (fifo ? sqs.fifo() : sqs.standard());
        const refused = await sendBatch(sqs, queue, entries).catch((reason: unknown) => reason);
        return [refused, await sqs.bodies(queue)];
      },
      [refusal(...error), ''],
    ],
  ),
  'of ten entries is sent in order, without a list of failures': [
    async (sqs) => {
      const queue = await sqs.fifo();
      const entries = numbered(10).map(({ Id = '', MessageBody }) =>
        entry(Id, { MessageBody, MessageDeduplicationId: Id }),
      );
      const { Successful, Failed } = await sendBatch(sqs, queue, entries);
      return [Successful?.length, Failed, await sqs.bodies(queue)];
    },
    [10, undefined, 'm0 m1 m2 m3 m4 m5 m6 m7 m8 m9'],
  ],
  'fails in part and sends the other entries': [
    async (sqs) => {
      const queue = await sqs.standard();
      const { Successful, Failed } = await sendBatch(sqs, queue, [plain('good', 'm1'), plain('bad', 'bad \u0000')]);
      return { Successful, Failed, left: await sqs.bodies(queue) };
    },
    {
      Successful: [{ Id: 'good' }],
      Failed: [{ Id: 'bad', SenderFault: true, Code: 'InvalidMessageContents' }],
      left: 'm1',
    },
  ],
});

const redriveTo = (deadLetterTargetArn: string) => ({
  RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 3 }),
});

/** Requests about a queue that SQS refuses. */
const REQUESTS: Record<string, [request: (sqs: Sqs, queue: TestQueue) => Promise<unknown>, name: string]> = {
  'a receive of more than ten messages': [(sqs, queue) => sqs.receive(queue, { MaxNumberOfMessages: 11 }), INVALID],
  'a queue that does not exist': [
    ({ client }, { url }) =>
      client.send(new ReceiveMessageCommand({ QueueUrl: url.replace('conformance', 'missing') })),
    'QueueDoesNotExist',
  ],
  'a FIFO queue whose name does not end in .fifo': [
    ({ client }) =>
      client.send(new CreateQueueCommand({ QueueName: 'conformance-plain', Attributes: { FifoQueue: 'true' } })),
    INVALID,
  ],
  'a value out of range': [(sqs, queue) => sqs.set(queue, { VisibilityTimeout: '43201' }), 'InvalidAttributeValue'],
  'a receipt handle that is none': [
    (sqs, queue) => sqs.remove(queue, { ReceiptHandle: 'nonsense' }),
    'ReceiptHandleIsInvalid',
  ],
  'a receipt handle of another queue': [
    async (sqs, queue) => {
      const other = await sqs.standard();
      await sqs.send(other, 'm1');
      return sqs.remove(queue, await sqs.receiveOne(other));
    },
    'ReceiptHandleIsInvalid',
  ],
  'a redrive to a queue that does not exist': [(sqs, queue) => sqs.set(queue, redriveTo(`${queue.arn}x`)), INVALID],
  'a redrive to a queue of the other type': [async (sqs) => sqs.fifo(redriveTo((await sqs.standard()).arn)), INVALID],
  'a redrive to itself': [(sqs, queue) => sqs.set(queue, redriveTo(queue.arn)), INVALID],
  'a redrive to a DLQ that allows other queues only': [
    async (sqs, queue) => {
      const allowed = { redrivePermission: 'byQueue', sourceQueueArns: [`${queue.arn}x`] };
      const dlq = await sqs.fifo({ RedriveAllowPolicy: JSON.stringify(allowed) });
      return sqs.set(queue, redriveTo(dlq.arn));
    },
    INVALID,
  ],
};

conformance('A queue', {
  ...checksOf(
    REQUESTS,
    (what) => `refuses ${what}`,
    ([request, name]) => [async (sqs) => request(sqs, await sqs.fifo()), { name }],
  ),
  'is found by its name': [
    async (sqs) => {
      const { name, url } = await sqs.fifo();
      return (await sqs.client.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl === url;
    },
    true,
  ],
});
