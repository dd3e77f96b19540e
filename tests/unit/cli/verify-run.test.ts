import { SQSClient } from '@aws-sdk/client-sqs';
import { runs } from '../../../lib/cli/runs';
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
    runs.verify({ ...targetContext, options: {}, out, source, reader, operator: reader }),
  ).rejects.toMatchObject({
    constructor: OperatorError,
    message: expect.stringMatching(/^A call of AWS failed: \w+\. Nothing was verified\.$/),
  });
});
