import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { realMonitoring } from '../../../../lib/platform/aws/monitoring';
import { entriesOf, fromSqs, toSqs, wholeSeconds } from '../../../../lib/platform/aws/sqs-messages';

test.each([
  [0, 0],
  [0.01, 1],
  [60, 60],
  [60.2, 61],
  [-5, 0],
  [43_201, 43_200],
])('SQS gets %d seconds as %d', (seconds, whole) => {
  expect(wholeSeconds(seconds)).toBe(whole);
});

test('a standard queue gets no group and no deduplication id', () => {
  expect(toSqs('url', { body: 'x' })).toStrictEqual({ QueueUrl: 'url', MessageBody: 'x' });
});

test('each entry of a batch says why it was not sent, and one without an answer counts as not sent', () => {
  const entries = entriesOf(
    {
      Successful: [{ Id: '1', MessageId: 'm', MD5OfMessageBody: '' }],
      Failed: [
        { Id: '0', Code: 'InvalidMessageContents', SenderFault: true },
        { Id: '2', Code: 'InternalError', SenderFault: false },
      ],
    },
    4,
  );

  expect(entries).toEqual([
    { sent: false, code: 'SQS.InvalidMessageContents' },
    { sent: true, messageId: 'm' },
    { sent: false, code: 'SQS.InternalError' },
    { sent: false, code: 'SQS.NoAnswer' },
  ]);
});

test('a delivery without attributes counts as the first, and attributes that are not text are omitted', () => {
  const MessageAttributes = {
    reason: { DataType: 'String', StringValue: 'AnError' },
    bytes: { DataType: 'Binary', BinaryValue: new Uint8Array([1]) },
  };

  expect(fromSqs({ MessageId: 'm', ReceiptHandle: 'r', Body: 'b', MessageAttributes })).toStrictEqual({
    ...{ messageId: 'm', receiptHandle: 'r', body: 'b' },
    ...{ receiveCount: 1, sentAt: 0, movedBySqs: false },
    attributes: { reason: 'AnError' },
  });
});

const METRIC = { namespace: 'acme', name: 'Canary', dimensions: {}, statistic: 'Sum' } as const;

test.each(['InternalError', 'Forbidden'])('a failed metric is no metric without data: %s', async (status) => {
  const client = new CloudWatchClient({ region: 'us-east-1' });
  jest
    .spyOn(client, 'send')
    .mockImplementation(async () => ({ MetricDataResults: [{ Id: 'm0', StatusCode: status }] }));

  await expect(realMonitoring(client).series([METRIC], { from: 0, to: 1, periodSeconds: 60 })).rejects.toMatchObject({
    code: `CloudWatch.${status}`,
  });
});
