import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  type SQSClientConfig,
} from '@aws-sdk/client-sqs';
import type { BatchQueues, Queues } from '../ports';
import { clientDefaults, guarded } from './clients';
import { entriesOf, fromSqs, toSqs, toSqsBatch, visibilityBatch, wholeSeconds } from './sqs-messages';

/** Without `useQueueUrlAsEndpoint: false` a test or the local service would call the host of the queue's URL. */
export const sqsClient = (config: SQSClientConfig = clientDefaults): SQSClient =>
  new SQSClient({ ...config, useQueueUrlAsEndpoint: false });

export function realQueues(client: SQSClient = sqsClient()): Queues & BatchQueues {
  const sqs = guarded('SQS');

  return {
    send: (queueUrl, message) =>
      sqs('SendMessage', async () => {
        const { MessageId = '', SequenceNumber } = await client.send(new SendMessageCommand(toSqs(queueUrl, message)));
        return { messageId: MessageId, ...(SequenceNumber ? { sequenceNumber: SequenceNumber } : {}) };
      }),

    sendBatch: (queueUrl, messages) =>
      sqs('SendMessageBatch', async () =>
        entriesOf(await client.send(new SendMessageBatchCommand(toSqsBatch(queueUrl, messages))), messages.length),
      ),

    receive: (queueUrl, { max, visibilitySeconds }) =>
      sqs('ReceiveMessage', async () => {
        const asked = new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: Math.min(max, 10),
          VisibilityTimeout: wholeSeconds(visibilitySeconds),
          WaitTimeSeconds: 0,
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        });
        const { Messages = [] } = await client.send(asked);
        return Messages.map(fromSqs);
      }),

    changeVisibility: (queueUrl, receiptHandle, seconds) =>
      sqs('ChangeMessageVisibility', async () => {
        const input = { QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout: wholeSeconds(seconds) };
        await client.send(new ChangeMessageVisibilityCommand(input));
      }),

    changeVisibilityBatch: (queueUrl, receiptHandles, seconds) =>
      sqs('ChangeMessageVisibilityBatch', async () => {
        await client.send(new ChangeMessageVisibilityBatchCommand(visibilityBatch(queueUrl, receiptHandles, seconds)));
      }),

    delete: (queueUrl, receiptHandle) =>
      sqs('DeleteMessage', async () => {
        await client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle }));
      }),

    depth: (queueUrl) =>
      sqs('GetQueueAttributes', async () => {
        const [visible, inFlight] = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
        const asked = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [visible, inFlight] });
        const { Attributes = {} } = await client.send(asked);
        return { visible: Number(Attributes[visible] ?? 0), inFlight: Number(Attributes[inFlight] ?? 0) };
      }),
  };
}
