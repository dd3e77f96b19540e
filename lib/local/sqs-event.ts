import type { Message } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import * as z from 'zod';

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
      Object.entries(message.MessageAttributes ?? {}).map(([name, { DataType: dataType = '', StringValue = '' }]) => [
        name,
        { stringValue: StringValue, stringListValues: [], binaryListValues: [], dataType },
      ]),
    ),
    md5OfBody: MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: region,
  };
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
