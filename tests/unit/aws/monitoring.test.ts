import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { realMonitoring } from '../../../lib/aws/monitoring';

const METRIC = { namespace: 'acme', name: 'Canary', dimensions: {}, statistic: 'Sum' } as const;

test.each(['InternalError', 'Forbidden'])(
  'a metric that could not be read is no metric without data: %s',
  async (status) => {
    const client = new CloudWatchClient({ region: 'us-east-1' });
    jest
      .spyOn(client, 'send')
      .mockImplementation(async () => ({ MetricDataResults: [{ Id: 'm0', StatusCode: status }] }));

    await expect(realMonitoring(client).series([METRIC], { from: 0, to: 1, periodSeconds: 60 })).rejects.toMatchObject({
      code: `CloudWatch.${status}`,
    });
  },
);
