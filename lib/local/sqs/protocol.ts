import type { ReceiveMessageRequest, ReceiveMessageResult } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import type { SqsModel } from './types';

/** A receive that can wait. The model itself never waits. */
export type Receive = (input: ReceiveMessageRequest) => Promise<ReceiveMessageResult>;

type Action = (call: { model: SqsModel; receive: Receive; body: unknown }) => unknown;

/** Defines an action: the schema of its JSON input, and the call. Like AWS, it ignores unknown members. */
const action =
  <S extends z.ZodType>(schema: S, run: (input: z.output<S>, model: SqsModel, receive: Receive) => unknown): Action =>
  ({ model, receive, body }) =>
    run(schema.parse(body), model, receive);

const text = z.string();
const whole = z.number().int();
const QueueUrl = text;
const Attributes = z.record(text, text);
/** JSON carries blobs as base64. */
const BinaryValue = z.base64().transform((value) => new Uint8Array(Buffer.from(value, 'base64')));
const attribute = z.object({ DataType: text, StringValue: text.optional(), BinaryValue: BinaryValue.optional() });

const message = {
  MessageBody: text,
  MessageGroupId: text.optional(),
  MessageDeduplicationId: text.optional(),
  DelaySeconds: whole.optional(),
  MessageAttributes: z.record(text, attribute).optional(),
  MessageSystemAttributes: z.partialRecord(z.literal('AWSTraceHeader'), attribute).optional(),
};
const receipt = { ReceiptHandle: text };
const visibility = { ...receipt, VisibilityTimeout: whole };
const batchOf = <S extends z.ZodRawShape>(entry: S) =>
  z.object({ QueueUrl, Entries: z.array(z.object({ Id: text, ...entry })) });

const receiveInput = z.object({
  QueueUrl,
  // SQS ignores unknown names here, so any string is valid.
  AttributeNames: z.array(z.custom<'All'>((value) => typeof value === 'string')).optional(),
  MessageSystemAttributeNames: z.array(z.custom<'All'>((value) => typeof value === 'string')).optional(),
  MessageAttributeNames: z.array(text).optional(),
  MaxNumberOfMessages: whole.optional(),
  VisibilityTimeout: whole.optional(),
  WaitTimeSeconds: whole.optional(),
});

/** The actions of SQS, by the name in the X-Amz-Target header. */
export const ACTIONS: Record<string, Action> = {
  CreateQueue: action(z.object({ QueueName: text, Attributes: Attributes.optional() }), (input, model) =>
    model.createQueue(input),
  ),
  GetQueueUrl: action(z.object({ QueueName: text }), (input, model) => model.getQueueUrl(input)),
  SetQueueAttributes: action(z.object({ QueueUrl, Attributes }), (input, model) => model.setQueueAttributes(input)),
  GetQueueAttributes: action(
    z.object({ QueueUrl, AttributeNames: receiveInput.shape.AttributeNames }),
    (input, model) => model.getQueueAttributes(input),
  ),
  SendMessage: action(z.object({ QueueUrl, ...message }), (input, model) => model.sendMessage(input)),
  SendMessageBatch: action(batchOf(message), (input, model) => model.sendMessageBatch(input)),
  ReceiveMessage: action(receiveInput, (input, _model, receive) => receive(input)),
  DeleteMessage: action(z.object({ QueueUrl, ...receipt }), (input, model) => model.deleteMessage(input)),
  DeleteMessageBatch: action(batchOf(receipt), (input, model) => model.deleteMessageBatch(input)),
  ChangeMessageVisibility: action(z.object({ QueueUrl, ...visibility }), (input, model) =>
    model.changeMessageVisibility(input),
  ),
  ChangeMessageVisibilityBatch: action(batchOf(visibility), (input, model) =>
    model.changeMessageVisibilityBatch(input),
  ),
  StartMessageMoveTask: action(z.object({ SourceArn: text, DestinationArn: text.optional() }), (input, model) =>
    model.startMessageMoveTask(input),
  ),
};
