import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type Emulator, LOCAL_CREDENTIALS } from '../loopback';
import { addConditionalPuts } from './conditional-put';

/** Starts S3 in memory, with the buckets that a deployment expects to exist. */
export async function startS3({
  buckets,
  region,
  port = 0,
}: {
  buckets: string[];
  region: string;
  port?: number;
}): Promise<Emulator> {
  // The start function of fauxqs listens on every interface, so build the app instead.
  const { buildApp } = await import('fauxqs');
  const app = buildApp({ logger: false });
  addConditionalPuts(app);
  const url = await app.listen({ port, host: '127.0.0.1' });
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
