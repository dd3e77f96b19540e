import type { Facts } from '../../../lib/ports';
import { countingDenied } from '../../../lib/startup/engine';

/** Writes a line with this code, and answers the line and the metrics. */
function write(code?: string) {
  const lines: [string, Facts | undefined][] = [];
  const metrics: unknown[] = [];
  const line = (message: string, facts?: Facts) => void lines.push([message, facts]);
  const log = countingDenied(
    { info: line, warn: line, error: line },
    { add: (...metric) => void metrics.push(metric), flush: async () => {} },
  );
  log.error('a message could not be handled', { code });
  return { lines, metrics };
}

test.each([
  'S3.AccessDenied',
  'DynamoDB.AccessDeniedException',
  'SQS.KmsAccessDenied',
  'SQS.KMS.AccessDeniedException',
  'SNS.AuthorizationErrorException',
  'SSM.ParameterNotFound',
  'SecretsManager.ResourceNotFoundException',
  'SecretsManager.DecryptionFailure',
])('%s counts as denied access', (code) => {
  expect(write(code)).toEqual({
    lines: [['a message could not be handled', { code }]],
    metrics: [['AccessDenied', 1, 'Count', {}]],
  });
});

test.each(['S3.SlowDown', 'DynamoDB.ResourceNotFoundException', 'ZendeskRejected', undefined])(
  '%s does not',
  (code) => {
    expect(write(code).metrics).toEqual([]);
  },
);
