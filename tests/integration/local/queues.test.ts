import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { realMappings } from '../../../lib/aws/mappings';
import { realMonitoring } from '../../../lib/aws/monitoring';
import { LOCAL_CREDENTIALS } from '../../../lib/local/emulators/emulator';
import { NO_MAPPING } from '../../../lib/ports';
import { type WatchedService, watchedService } from '../../support/local-service';
import { localPackage } from '../../support/packages';

let service: WatchedService;
afterEach(() => service.stop());

const feedback = { user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' };

test('while a mapping is off, nothing is received; once it is on, jobs are done and counted', async () => {
  service = await watchedService(await localPackage());
  const config = { region: 'us-east-1', credentials: LOCAL_CREDENTIALS };
  const lambda = new LambdaClient({ ...config, endpoint: `${service.api}/lambda` });
  const cloudWatch = new CloudWatchClient({ ...config, endpoint: `${service.api}/cloudwatch` });
  const mappings = realMappings(lambda, (queue) => `arn:aws:sqs:us-east-1:000000000000:local-${queue}.fifo`);
  const monitoring = realMonitoring(cloudWatch);
  const messages = () => service.sqs.messages('local-feedback.fifo');
  const begun = Date.now();

  const before = await mappings.isOn('feedback');
  await mappings.set('feedback', false);
  const { json } = await service.post(feedback);
  await service.run('reconciler');
  const waiting = messages().map(({ receiveCount }) => receiveCount);
  const during = await mappings.isOn('feedback');
  await mappings.set('feedback', true);
  const job = await service.recorded(String(json.id));
  const window = { from: begun - 60_000, to: Date.now() + 60_000, periodSeconds: 60 };
  const dimensions = { queue: 'feedback' };
  const [succeeded, none] = await monitoring.series(
    [
      { namespace: 'local', name: 'JobsSucceeded', dimensions, statistic: 'Sum' },
      { namespace: 'local', name: 'JobsSucceeded', dimensions: { queue: 'other' }, statistic: 'Sum' },
    ],
    window,
  );

  expect([before, during]).toEqual([true, false]);
  expect(waiting).toEqual([0]);
  expect(job.state).toBe('succeeded');
  expect(succeeded?.map(({ value }) => value)).toEqual([1]);
  expect(none).toEqual([]);
  expect(await monitoring.ringing('other-')).toEqual([]);
  await expect(mappings.isOn('other')).resolves.toBeUndefined();
  await expect(mappings.set('other', true)).rejects.toMatchObject({ code: NO_MAPPING });
});
