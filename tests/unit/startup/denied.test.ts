import { StoreError } from '../../../lib/errors';
import type { Facts } from '../../../lib/ports';
import { countingDenied, withoutUpdates } from '../../../lib/startup/denied';
import { memoryTable } from '../../support/memory-table';

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

describe('an update of an item', () => {
  const change = { expected: {}, set: { a: 1 }, append: {} };
  const failing = (code: string) => {
    const lines: unknown[] = [];
    const line = (_message: string, facts?: Facts) => void lines.push(facts);
    const update = () => Promise.reject(new StoreError({ code, message: 'DynamoDB UpdateItem failed' }));
    const table = withoutUpdates({ ...memoryTable(), update }, { info: line, warn: line, error: line });
    return { table, lines };
  };

  test('changes nothing and is logged if the role is older than the code', async () => {
    const { table, lines } = failing('DynamoDB.AccessDeniedException');

    expect(await table.update('k', change)).toBeUndefined();
    expect(lines).toEqual([{ code: 'DynamoDB.AccessDeniedException' }]);
  });

  test('fails if the table fails', async () => {
    const { table, lines } = failing('DynamoDB.InternalServerError');

    await expect(table.update('k', change)).rejects.toMatchObject({ code: 'DynamoDB.InternalServerError' });
    expect(lines).toEqual([]);
  });
});
