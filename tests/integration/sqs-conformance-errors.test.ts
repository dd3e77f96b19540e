import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { conformance, type Sqs, type TestQueue } from '../support/sqs-conformance';

const MEBIBYTE = 1024 * 1024;

const sendBatch = (sqs: Sqs, queue: TestQueue, entries: SendMessageBatchRequestEntry[]) =>
  sqs.client.send(new SendMessageBatchCommand({ QueueUrl: queue.url, Entries: entries }));

const numbered = (count: number): SendMessageBatchRequestEntry[] =>
  Array.from({ length: count }, (_, n) => ({ Id: `${n}`, MessageBody: `m${n}` }));

conformance('A message', (check) => {
  check('needs a group in a FIFO queue', async (sqs) => {
    const queue = await sqs.fifo();

    const sent = sqs.send(queue, 'm1', { MessageGroupId: undefined });

    await expect(sent).rejects.toMatchObject({
      name: 'MissingParameter',
      message: 'The request must contain the parameter MessageGroupId.',
    });
  });

  check('needs a deduplication id without deduplication by content', async (sqs) => {
    const queue = await sqs.fifo();

    const sent = sqs.send(queue, 'm1', { MessageDeduplicationId: undefined });

    await expect(sent).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message:
        'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    });
  });

  check('cannot have its own delay in a FIFO queue', async (sqs) => {
    const queue = await sqs.fifo();

    await expect(sqs.send(queue, 'm1', { DelaySeconds: 2 })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message:
        'Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.',
    });
  });

  check('has a group id of at most 128 characters without spaces', async (sqs) => {
    const queue = await sqs.fifo();

    await expect(sqs.send(queue, 'm1', { MessageGroupId: 'g'.repeat(129) })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
    });
    await expect(sqs.send(queue, 'm1', { MessageGroupId: 'a b' })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
    });
    await expect(sqs.send(queue, 'm1', { MessageGroupId: 'g'.repeat(128) })).resolves.toBeDefined();
  });

  check('may be one mebibyte and no larger', async (sqs) => {
    const queue = await sqs.standard();

    await expect(sqs.send(queue, 'x'.repeat(MEBIBYTE))).resolves.toBeDefined();
    await expect(sqs.send(queue, 'x'.repeat(MEBIBYTE + 1))).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: 'One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.',
    });
  });

  check('counts the names, types and values of its attributes in its size', async (sqs) => {
    const queue = await sqs.standard();
    const MessageAttributes = { kind: { DataType: 'String', StringValue: 'sample' } };
    const room = MEBIBYTE - 'kind'.length - 'String'.length - 'sample'.length;

    await expect(sqs.send(queue, 'x'.repeat(room), { MessageAttributes })).resolves.toBeDefined();
    await expect(sqs.send(queue, 'x'.repeat(room + 1), { MessageAttributes })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
    });
  });

  check('is measured in bytes of UTF-8 against the limit of its queue', async (sqs) => {
    const queue = await sqs.standard({ MaximumMessageSize: '1024' });

    await expect(sqs.send(queue, 'é'.repeat(512))).resolves.toBeDefined();
    await expect(sqs.send(queue, 'é'.repeat(513))).rejects.toMatchObject({
      message: expect.stringContaining('Message must be shorter than 1024 bytes.'),
    });
  });

  check('has at most ten attributes', async (sqs) => {
    const queue = await sqs.standard();
    const attributes = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`a${n}`, { DataType: 'String', StringValue: 'x' }]));

    await expect(sqs.send(queue, 'm1', { MessageAttributes: attributes(10) })).resolves.toBeDefined();
    await expect(sqs.send(queue, 'm2', { MessageAttributes: attributes(11) })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
    });
  });

  check('cannot have an empty attribute', async (sqs) => {
    const queue = await sqs.standard();

    const sent = sqs.send(queue, 'm1', { MessageAttributes: { kind: { DataType: 'String', StringValue: '' } } });

    await expect(sent).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: "Message (user) attribute 'kind' must contain a non-empty value of type 'String'.",
    });
  });

  check('may contain only characters that XML allows', async (sqs) => {
    const queue = await sqs.standard();

    await expect(sqs.send(queue, 'tab\t line\n return\r emoji 😀')).resolves.toBeDefined();
    for (const character of ['\u0000', '\u0008', '\uFFFF'])
      await expect(sqs.send(queue, `bad ${character}`)).rejects.toMatchObject({ name: 'InvalidMessageContents' });
  });

  check('cannot be empty', async (sqs) => {
    const queue = await sqs.standard();

    await expect(sqs.send(queue, '')).rejects.toMatchObject({ name: 'MissingParameter' });
  });
});

conformance('A batch', (check) => {
  check('has one to ten entries', async (sqs) => {
    const queue = await sqs.standard();

    await expect(sendBatch(sqs, queue, [])).rejects.toMatchObject({ name: 'EmptyBatchRequest' });
    await expect(sendBatch(sqs, queue, numbered(11))).rejects.toMatchObject({
      name: 'TooManyEntriesInBatchRequest',
      message: 'Maximum number of entries per request are 10. You have sent 11.',
    });
    await expect(sendBatch(sqs, queue, numbered(10))).resolves.toMatchObject({ Successful: { length: 10 } });
  });

  check('has entries with distinct and well-formed ids', async (sqs) => {
    const queue = await sqs.standard();
    const entry = (Id: string) => ({ Id, MessageBody: 'm' });

    await expect(sendBatch(sqs, queue, [entry('a'), entry('a')])).rejects.toMatchObject({
      name: 'BatchEntryIdsNotDistinct',
    });
    await expect(sendBatch(sqs, queue, [entry('a:b')])).rejects.toMatchObject({ name: 'InvalidBatchEntryId' });
  });

  check('fails in part and sends the other entries', async (sqs) => {
    const queue = await sqs.standard();

    const result = await sendBatch(sqs, queue, [
      { Id: 'good', MessageBody: 'm1' },
      { Id: 'bad', MessageBody: 'bad \u0000' },
    ]);

    expect(result.Successful).toMatchObject([{ Id: 'good' }]);
    expect(result.Failed).toMatchObject([{ Id: 'bad', SenderFault: true, Code: 'InvalidMessageContents' }]);
    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('fails as a whole in a FIFO queue if one entry has no group', async (sqs) => {
    const queue = await sqs.fifo();
    const entry = { MessageBody: 'm', MessageDeduplicationId: 'd' };

    const sent = sendBatch(sqs, queue, [
      { Id: 'good', MessageGroupId: 'g', ...entry },
      { Id: 'bad', ...entry },
    ]);

    await expect(sent).rejects.toMatchObject({ name: 'InvalidParameterValue' });
    expect(await sqs.bodies(queue)).toEqual([]);
  });

  check('fails as a whole in a FIFO queue if one entry has no deduplication id', async (sqs) => {
    const queue = await sqs.fifo();
    const entry = { MessageBody: 'm', MessageGroupId: 'g' };

    const sent = sendBatch(sqs, queue, [
      { Id: 'good', MessageDeduplicationId: 'd', ...entry },
      { Id: 'bad', ...entry },
    ]);

    await expect(sent).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message:
        'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    });
    expect(await sqs.bodies(queue)).toEqual([]);
  });

  check('leaves out the list of failures if there are none', async (sqs) => {
    const queue = await sqs.standard();

    const result = await sendBatch(sqs, queue, numbered(2));

    expect(result.Successful).toHaveLength(2);
    expect(result.Failed).toBeUndefined();
  });

  check('may be one mebibyte in total', async (sqs) => {
    const queue = await sqs.standard();
    const half = 'x'.repeat(MEBIBYTE / 2);

    const sent = sendBatch(sqs, queue, [
      { Id: 'a', MessageBody: half },
      { Id: 'b', MessageBody: `${half}x` },
    ]);

    await expect(sent).rejects.toMatchObject({
      name: 'BatchRequestTooLong',
      message: 'Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.',
    });
  });

  check('keeps its order in a FIFO queue', async (sqs) => {
    const queue = await sqs.fifo();

    await sendBatch(
      sqs,
      queue,
      numbered(10).map((entry, n) => ({ ...entry, MessageGroupId: 'g', MessageDeduplicationId: `${n}` })),
    );

    expect(await sqs.bodies(queue)).toEqual(numbered(10).map(({ MessageBody }) => MessageBody));
  });
});

conformance('A queue', (check) => {
  check('that does not exist has its own error', async (sqs) => {
    const { url } = await sqs.fifo();
    const QueueUrl = url.replace('conformance', 'missing');

    await expect(sqs.client.send(new ReceiveMessageCommand({ QueueUrl }))).rejects.toMatchObject({
      name: 'QueueDoesNotExist',
    });
  });

  check('is found by its name', async (sqs) => {
    const { name, url } = await sqs.fifo();

    const { QueueUrl } = await sqs.client.send(new GetQueueUrlCommand({ QueueName: name }));

    expect(QueueUrl).toBe(url);
  });

  check('has the given attributes and the defaults of SQS', async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '300', MessageRetentionPeriod: '1209600' });

    const attributes = await sqs.attributesOf(queue, 'All');

    expect(attributes).toMatchObject({
      QueueArn: queue.arn,
      FifoQueue: 'true',
      VisibilityTimeout: '300',
      MessageRetentionPeriod: '1209600',
      DelaySeconds: '0',
      ReceiveMessageWaitTimeSeconds: '0',
      ContentBasedDeduplication: 'false',
      DeduplicationScope: 'queue',
      FifoThroughputLimit: 'perQueue',
      MaximumMessageSize: '1048576',
    });
  });

  check('can be created again with the same attributes but not with others', async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '60' });
    const create = (VisibilityTimeout: string) =>
      sqs.client.send(
        new CreateQueueCommand({ QueueName: queue.name, Attributes: { FifoQueue: 'true', VisibilityTimeout } }),
      );

    await expect(create('60')).resolves.toMatchObject({ QueueUrl: queue.url });
    await expect(create('61')).rejects.toMatchObject({ name: 'QueueNameExists' });
  });

  check('that is FIFO has a name that ends in .fifo', async (sqs) => {
    const created = sqs.client.send(
      new CreateQueueCommand({ QueueName: 'conformance-plain', Attributes: { FifoQueue: 'true' } }),
    );

    await expect(created).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  check('cannot change its type', async (sqs) => {
    const standard = await sqs.standard();
    const set = (FifoQueue: string) =>
      sqs.client.send(new SetQueueAttributesCommand({ QueueUrl: standard.url, Attributes: { FifoQueue } }));

    await expect(set('true')).rejects.toMatchObject({ name: 'InvalidAttributeName' });
  });

  check('refuses unknown attributes and values out of range', async (sqs) => {
    const queue = await sqs.fifo();

    await expect(
      sqs.client.send(
        new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { VisibilityTimeout: '43201' } }),
      ),
    ).rejects.toMatchObject({ name: 'InvalidAttributeValue' });
    await expect(
      sqs.client.send(new GetQueueAttributesCommand({ QueueUrl: queue.url, AttributeNames: ['Nothing' as 'All'] })),
    ).rejects.toMatchObject({ name: 'InvalidAttributeName' });
  });

  check('returns one to ten messages', async (sqs) => {
    const queue = await sqs.standard();

    await expect(sqs.receive(queue, { MaxNumberOfMessages: 11 })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: 'Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.',
    });
  });

  check('refuses receipt handles that are not its own', async (sqs) => {
    const queue = await sqs.standard();
    const other = await sqs.standard();
    await sqs.send(other, 'm1');
    const { ReceiptHandle } = await sqs.receiveOne(other);
    const remove = (handle: string | undefined) =>
      sqs.client.send(new DeleteMessageCommand({ QueueUrl: queue.url, ReceiptHandle: handle }));

    await expect(remove('nonsense')).rejects.toMatchObject({ name: 'ReceiptHandleIsInvalid' });
    await expect(remove(ReceiptHandle)).rejects.toMatchObject({ name: 'ReceiptHandleIsInvalid' });
  });
});
