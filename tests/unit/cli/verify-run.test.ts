import { SQSClient } from '@aws-sdk/client-sqs';
import { runOf } from '../../../lib/cli/runs';
import { OperatorError } from '../../../lib/ops/operator';
import type { Source } from '../../../lib/verify/read';
import { recordingOutput, targetContext } from '../../support/operator';

test('sls verify says in words that a call of AWS failed', async () => {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const sqs = new SQSClient({ endpoint: 'http://127.0.0.1:1', region: 'eu-west-1', maxAttempts: 1, credentials });
  const { out } = recordingOutput();
  const reader = () => Promise.reject(new Error('not needed'));
  const source = async () =>
    ({ sqs, queues: [{ name: 'feedback', fifo: true }], instance: 'acme' }) as unknown as Source;

  await expect(
    runOf('verify')({ ...targetContext, options: {}, out, source, reader, operator: reader }),
  ).rejects.toMatchObject({
    constructor: OperatorError,
    message: expect.stringMatching(/^A call of AWS failed: \w+\. Nothing was verified\.$/),
  });
});

test.each([
  [{ from: '0001-01-01T00' }, '--from must be at most 90 days ago'],
  [{ to: '0001-01-01T00' }, '--from must be at most 90 days ago'],
  [{ from: '9999-12-31T23' }, '--from must be in the past'],
])('the hours of %j are refused before anything is read', async (options, message) => {
  const { out } = recordingOutput();
  const unread = () => Promise.reject(new Error('not needed'));

  await expect(
    runOf('verify')({ ...targetContext, options, out, source: unread, reader: unread, operator: unread }),
  ).rejects.toThrow(message);
});
