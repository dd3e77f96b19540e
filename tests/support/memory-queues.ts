import {
  entriesOf,
  fromSqs,
  toSqs,
  toSqsBatch,
  visibilityBatch,
  wholeSeconds,
} from '../../lib/platform/aws/sqs-messages';
import { StoreError } from '../../lib/platform/errors';
import type { BatchQueues, Queues } from '../../lib/platform/ports';
import type { SqsModel } from '../../packages/local/sqs/model';
import { SqsError } from '../../packages/local/sqs/queue';

/** SQS without a network: the model behind the port. Each call takes effect at once and answers in a microtask. */
export function memoryQueues(model: SqsModel): Queues & BatchQueues {
  return {
    send: asStore((queueUrl, message) => {
      const { MessageId = '', SequenceNumber } = model.sendMessage(toSqs(queueUrl, message));
      return { messageId: MessageId, ...(SequenceNumber ? { sequenceNumber: SequenceNumber } : {}) };
    }),
    sendBatch: asStore((queueUrl, messages) =>
      entriesOf(model.sendMessageBatch(toSqsBatch(queueUrl, messages)), messages.length),
    ),
    receive: asStore((queueUrl, { max, visibilitySeconds }) => {
      const { Messages = [] } = model.receiveMessage({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: max,
        VisibilityTimeout: wholeSeconds(visibilitySeconds),
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      });
      return Messages.map(fromSqs);
    }),
    changeVisibility: asStore((queueUrl, receiptHandle, seconds) => {
      const VisibilityTimeout = wholeSeconds(seconds);
      model.changeMessageVisibility({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout });
    }),
    changeVisibilityBatch: asStore((queueUrl, receiptHandles, seconds) => {
      model.changeMessageVisibilityBatch(visibilityBatch(queueUrl, receiptHandles, seconds));
    }),
    delete: asStore((queueUrl, receiptHandle) => {
      model.deleteMessage({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle });
    }),
    depth: asStore((queueUrl) => {
      const { Attributes } = model.getQueueAttributes({ QueueUrl: queueUrl, AttributeNames: ['All'] });
      return {
        visible: Number(Attributes?.ApproximateNumberOfMessages),
        inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible),
      };
    }),
  };
}

/** A call of the port, whose errors are those of a store. */
const asStore =
  <Given extends unknown[], T>(call: (...given: Given) => T) =>
  async (...given: Given): Promise<T> => {
    try {
      return call(...given);
    } catch (error) {
      if (!(error instanceof SqsError)) throw error;
      throw new StoreError({ code: `SQS.${error.code}`, message: `SQS refused: ${error.code}`, status: 400 });
    }
  };
