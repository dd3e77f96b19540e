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
import { clientDefaults } from './clients';
import { entriesOf, fromSqs, toSqs, toSqsBatch, visibilityBatch, wholeSeconds } from './sqs-messages';
import { guarded } from './store-error';

/** Without `useQueueUrlAsEndpoint: false` a test or the local service would call the host of the queue's URL. */
export const sqsClient = (config: SQSClientConfig = clientDefaults): SQSClient =>
  new SQSClient({ ...config, useQueueUrlAsEndpoint: false });

export function realQueues(client: SQSClient = sqsClient()): Queues & BatchQueues {
  const sqs = guarded('SQS');

  return {
    send: (queueUrl, message) =>
      sqs('SendMessage', async () => {
        const answer = await client.send(new SendMessageCommand(toSqs(queueUrl, message)));
        return {
          messageId: answer.MessageId ?? '',
          ...(answer.SequenceNumber ? { sequenceNumber: answer.SequenceNumber } : {}),
        };
      }),

    sendBatch: (queueUrl, messages) =>
      sqs('SendMessageBatch', async () =>
        entriesOf(await client.send(new SendMessageBatchCommand(toSqsBatch(queueUrl, messages))), messages.length),
      ),

    receive: (queueUrl, { max, visibilitySeconds }) =>
      sqs('ReceiveMessage', async () => {
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({
            QueueUrl: queueUrl,
            MaxNumberOfMessages: Math.min(max, 10),
            VisibilityTimeout: wholeSeconds(visibilitySeconds),
            WaitTimeSeconds: 0,
            MessageSystemAttributeNames: ['All'],
            MessageAttributeNames: ['All'],
          }),
        );
        return Messages.map(fromSqs);
      }),

    changeVisibility: (queueUrl, receiptHandle, seconds) =>
      sqs('ChangeMessageVisibility', async () => {
        await client.send(
          new ChangeMessageVisibilityCommand({
            QueueUrl: queueUrl,
            ReceiptHandle: receiptHandle,
            VisibilityTimeout: wholeSeconds(seconds),
          }),
        );
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
        const { Attributes } = await client.send(
          new GetQueueAttributesCommand({
            QueueUrl: queueUrl,
            AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
          }),
        );
        return {
          visible: Number(Attributes?.ApproximateNumberOfMessages ?? 0),
          inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible ?? 0),
        };
      }),
  };
}
