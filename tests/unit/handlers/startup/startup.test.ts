import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { handler } from '../../../../handlers/alarms';
import { countingFaults } from '../../../../handlers/startup/engine';
import { rhythmOf } from '../../../../handlers/startup/reconciler';
import { parseEnv } from '../../../../lib/platform/config/common';
import type { Facts } from '../../../../lib/platform/ports';
import { reconcilerEnv } from '../../../../lib/queues/environments';

test('a function starts once, at its first invocation, or after a failed start, which is logged, at the next one', async () => {
  const program = `
    const { ConfigError } = require('./lib/platform/config/common.ts');
    const { coldStart } = require('./handlers/startup/engine.ts');
    const failures = [new ConfigError('configuration: TABLE: is missing'), new Error('planted')];
    let starts = 0;
    const started = coldStart(() => {
      const failure = failures.shift();
      if (failure) throw failure;
      return ++starts;
    });
    const outcomes = [1, 2, 3, 4].map(() => {
      try {
        return started();
      } catch (error) {
        return error.message;
      }
    });
    console.log(JSON.stringify({ outcomes }));`;

  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--require', 'tsx/cjs', '-e', program]);

  const lines = `${stderr}${stdout}`.split('\n').filter(Boolean);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'ERROR', message: 'configuration: TABLE: is missing', code: 'NotConfigured' },
    { level: 'ERROR', message: 'the function could not start', code: 'NotConfigured', error: 'Error' },
    { outcomes: ['configuration: TABLE: is missing', 'planted', 1, 1] },
  ]);
});

const env = {
  INSTANCE: 'acme',
  BUCKET: 'team-bucket',
  PREFIX: 'jobs',
  TABLE: 'acme-jobs',
  QUEUES: '{}',
  DLQ_DEPTHS: '{}',
  GUARD: '{"bounces":5,"reports":0.1,"refused":20}',
};
test('without a webhook of Discord, the alarms function leaves the topic to its other subscribers', async () => {
  const environment = jest.replaceProperty(process, 'env', { ...env, STAGE: 'prod' });
  const call = { invokedFunctionArn: 'arn:aws:lambda:eu-central-1:123456789012:function:acme-alarms' };

  await expect(handler({ Records: [{ Sns: {} }] } as never, call as never)).resolves.toBeUndefined();
  environment.restore();
});

const rhythm = (CANARY_EVERY?: string) =>
  rhythmOf(parseEnv(reconcilerEnv, { ...env, ...(CANARY_EVERY === undefined ? {} : { CANARY_EVERY }) }));

test('a canary is due at the fifth run after the last one, even if that run starts a moment early, and not at the fourth', () => {
  const { stayMs, canaryMs } = rhythm('5');

  expect(stayMs).toBe(58_000);
  expect(canaryMs).toBeLessThan(5 * 60_000 - 10_000);
  expect(canaryMs).toBeGreaterThan(4 * 60_000 + 10_000);
});

test('without a number, or with 0, there are no canaries', () => {
  expect([rhythm().canaryMs, rhythm('0').canaryMs]).toEqual([0, 0]);
});

/** Writes a line with this code, and answers the line and the metrics. */
function write(code?: string, error?: unknown) {
  const lines: [string, Facts | undefined][] = [];
  const metrics: unknown[] = [];
  const line = (message: string, facts?: Facts) => void lines.push([message, facts]);
  const counting = { add: (...metric: unknown[]) => void metrics.push(metric), flush: async () => {} };
  const log = countingFaults({ info: line, warn: line, error: line }, counting);
  log.error('a message could not be handled', { code }, error);
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

test('a line about a bug counts by code and class, for one alarm that names both', () => {
  expect(write('EngineFailed', new TypeError('planted')).metrics).toEqual([
    ['Bugs', 1, 'Count', { code: 'EngineFailed', error: 'TypeError' }],
  ]);
});
