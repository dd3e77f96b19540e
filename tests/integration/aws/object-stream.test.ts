import { realObjectReader, realObjects } from '../../../lib/aws/objects';
import { startS3 } from '../../support/emulators';

let s3: Awaited<ReturnType<typeof startS3>>;
beforeAll(async () => {
  s3 = await startS3('team-bucket');
});
afterAll(() => s3.close());

test('an object is read completely, in several chunks', async () => {
  const bytes = Buffer.alloc(3 * 1024 * 1024, 'a line of text\n');
  await realObjects({ bucket: 'team-bucket', client: s3.client }).put('list.csv', bytes, 'text/csv');

  const pieces: Uint8Array[] = [];
  for await (const piece of realObjectReader({ bucket: 'team-bucket', client: s3.client })('list.csv'))
    pieces.push(piece);

  expect(pieces.length).toBeGreaterThan(1);
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
});

test('a missing object is a StoreError that says so', async () => {
  const reading = realObjectReader({ bucket: 'team-bucket', client: s3.client })('none.csv').next();

  await expect(reading).rejects.toMatchObject({ name: 'StoreError', code: 'S3.NoSuchKey' });
});
