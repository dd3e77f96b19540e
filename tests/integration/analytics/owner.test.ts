import { realObjects } from '../../../lib/aws/objects';
import { ownerKey } from '../../../lib/jobs/keys';
import { compactionHandler } from '../../../lib/startup/compaction';
import { putOriginal, someEvents } from '../../support/analytics';
import { startDynamo, startS3, TABLE } from '../../support/emulators';
import { PREFIX } from '../../support/engine';

const BUCKET = 'team-bucket';
const before = { ...process.env };
let close: () => Promise<void>;
let objects: ReturnType<typeof realObjects>;

beforeAll(async () => {
  const [s3, dynamo] = await Promise.all([startS3(BUCKET), startDynamo()]);
  objects = realObjects({ bucket: BUCKET, client: s3.client });
  close = async () => void (await Promise.all([s3.close(), dynamo.close()]));
  Object.assign(process.env, {
    ...{ AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' },
    ...{ AWS_ENDPOINT_URL_S3: s3.url, AWS_ENDPOINT_URL_DYNAMODB: dynamo.url },
    ...{ INSTANCE: 'globex', STAGE: 'prod', BUCKET, PREFIX, TABLE, QUEUES: '{}', LOG_LEVEL: 'ERROR' },
    ...{ COMPACTION_SETTLE: '0', POWERTOOLS_METRICS_DISABLED: 'true' },
  });
});
afterAll(async () => {
  process.env = before;
  await close();
});

test('the compaction touches no object of a folder that another instance has claimed', async () => {
  const run = () => compactionHandler()({}, { getRemainingTimeInMillis: () => 60_000 });
  const keys = () => objects.list(`${PREFIX}/`, { limit: 100 });
  await objects.put(ownerKey(PREFIX), JSON.stringify({ instance: 'acme' }), 'application/json');
  await putOriginal(objects, someEvents(1, 3));
  const untouched = await keys();

  await expect(run()).rejects.toThrow('the folder jobs belongs to acme, not to globex');
  expect(await keys()).toEqual(untouched);

  // The same run compacts its own folder.
  await objects.put(ownerKey(PREFIX), JSON.stringify({ instance: 'globex' }), 'application/json');
  await run();
  expect(await keys()).not.toEqual(untouched);
});
