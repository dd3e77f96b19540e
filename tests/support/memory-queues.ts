import { entriesOf, fromSqs, toSqs, toSqsBatch, visibilityBatch, wholeSeconds } from '../../lib/aws/sqs-messages';
import { StoreError } from '../../lib/errors';
import type { BatchQueues, Queues } from '../../lib/ports';
import type { SqsModel } from '../../packages/local/sqs/model';
import { SqsError } from '../../packages/local/sqs/queue';

/** SQS without a network: the model behind the port. Each call takes effect at once and answers in a microtask. */
export function memoryQueues(model: SqsModel): Queues & BatchQueues {
  return {
    send: (queueUrl, message) =>
      asStore(() => {
        const { MessageId = '', SequenceNumber } = model.sendMessage(toSqs(queueUrl, message));
        return { messageId: MessageId, ...(SequenceNumber ? { sequenceNumber: SequenceNumber } : {}) };
      }),
    sendBatch: (queueUrl, messages) =>
      asStore(() => entriesOf(model.sendMessageBatch(toSqsBatch(queueUrl, messages)), messages.length)),
    receive: (queueUrl, { max, visibilitySeconds }) =>
      asStore(() => {
        const { Messages = [] } = model.receiveMessage({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: max,
          VisibilityTimeout: wholeSeconds(visibilitySeconds),
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        });
        return Messages.map(fromSqs);
      }),
    changeVisibility: (queueUrl, receiptHandle, seconds) =>
      asStore(() => {
        const VisibilityTimeout = wholeSeconds(seconds);
        model.changeMessageVisibility({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout });
      }),
    changeVisibilityBatch: (queueUrl, receiptHandles, seconds) =>
      asStore(() => void model.changeMessageVisibilityBatch(visibilityBatch(queueUrl, receiptHandles, seconds))),
    delete: (queueUrl, receiptHandle) =>
      asStore(() => model.deleteMessage({ QueueUrl: queueUrl, ReceiptHandle: receiptHandle })),
    depth: (queueUrl) =>
      asStore(() => {
        const { Attributes } = model.getQueueAttributes({ QueueUrl: queueUrl, AttributeNames: ['All'] });
        return {
          visible: Number(Attributes?.ApproximateNumberOfMessages),
          inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible),
        };
      }),
  };
}

async function asStore<T>(call: () => T): Promise<T> {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof SqsError)) throw error;
    throw new StoreError({ code: `SQS.${error.code}`, message: `SQS refused: ${error.code}`, status: 400 });
  }
}
