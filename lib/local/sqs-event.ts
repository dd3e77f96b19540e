import type { Message, MessageAttributeValue } from '@aws-sdk/client-sqs';
import type { SQSMessageAttribute, SQSRecord } from 'aws-lambda';
import * as z from 'zod';

/** Lambda's limit for the payload of one invocation. */
const PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024;

/** The record that Lambda makes of a received message. */
export function recordOf(message: Message, { queueArn, region }: { queueArn: string; region: string }): SQSRecord {
  const { MessageId = '', ReceiptHandle = '', Body = '', Attributes = {}, MD5OfBody = '' } = message;
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: {
      ApproximateReceiveCount: '',
      SentTimestamp: '',
      SenderId: '',
      ApproximateFirstReceiveTimestamp: '',
      ...Attributes,
    },
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, attributeOf(value)]),
    ),
    md5OfBody: MD5OfBody,
    ...(message.MD5OfMessageAttributes !== undefined && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: region,
  };
}

/** Lambda adds two empty lists to every attribute. */
function attributeOf({ DataType = '', StringValue, BinaryValue }: MessageAttributeValue): SQSMessageAttribute {
  return {
    ...(StringValue !== undefined && { stringValue: StringValue }),
    ...(BinaryValue !== undefined && { binaryValue: Buffer.from(BinaryValue).toString('base64') }),
    stringListValues: [],
    binaryListValues: [],
    dataType: DataType,
  };
}

/** Splits a batch into parts that one invocation can take. */
export function splitByPayload(records: SQSRecord[]): SQSRecord[][] {
  const parts: SQSRecord[][] = [];
  let room = 0;
  for (const record of records) {
    const bytes = Buffer.byteLength(JSON.stringify(record));
    if (bytes > room) {
      parts.push([]);
      room = PAYLOAD_LIMIT_BYTES;
    }
    parts.at(-1)?.push(record);
    room -= bytes;
  }
  return parts;
}

/**
 * The message ids that a function's answer reports as failed, by Lambda's rules for ReportBatchItemFailures. `undefined`
 * means that the answer is malformed: Lambda then treats the whole batch as failed.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
export function reportedFailures(answer: unknown, messageIds: string[]): string[] | undefined {
  if (answer === null || answer === undefined) return [];
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) return undefined;
  const ids = (parsed.data.batchItemFailures ?? []).map(({ itemIdentifier }) => itemIdentifier);
  return ids.every((id) => messageIds.includes(id)) ? ids : undefined;
}

const answerSchema = z.looseObject({
  batchItemFailures: z.array(z.looseObject({ itemIdentifier: z.string() })).nullish(),
});
