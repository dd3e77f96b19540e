import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { mindConditions } from './conditional-put';
import { type Emulator, LOCAL_CREDENTIALS } from './emulator';

/** S3 in memory, with the buckets that a deployment expects to exist. */
export async function startS3({ buckets, region }: { buckets: string[]; region: string }): Promise<Emulator> {
  // Not its own start function: that one listens on every interface of the machine.
  const { buildApp } = await import('fauxqs');
  const app = buildApp({ logger: false });
  mindConditions(app);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const client = new S3Client({ endpoint: url, region, credentials: LOCAL_CREDENTIALS });
  for (const Bucket of buckets) await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
  return {
    url,
    async close() {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}
