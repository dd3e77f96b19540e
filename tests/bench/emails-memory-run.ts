import { S3Client } from '@aws-sdk/client-s3';
import { clientDefaults } from '../../lib/platform/aws/clients';
import { realObjectReader } from '../../lib/platform/aws/objects';
import type { RecipientSource } from '../../packages/producer/campaign';
import { createProducer } from '../../packages/producer/client';
import { memoryProducerDeps } from '../support/producer';
import { csvFile, ndjsonFile, people } from './recipients';

const KEY = 'jobs/_attachments/emails/list.csv';

const SOURCES: Record<string, (count: number) => RecipientSource> = {
  iterable: (count) => people(count),
  csv: (count) => ({ csv: csvFile(count) }),
  ndjson: (count) => ({ ndjson: ndjsonFile(count) }),
  object: () => ({ key: KEY }),
};

/**
 * Accepts recipients and prints the peak resident memory in MB. The arguments are the source and how many. The bucket
 * counts and stores nothing, and has each list. The source `object` is read from S3 at the address in the third
 * argument.
 */
async function main([name = '', count = '', endpoint = '']: string[]): Promise<void> {
  let most = 0;
  const memory = memoryProducerDeps({
    objects: (port) => ({
      ...port,
      put: async () => {
        most = Math.max(most, process.memoryUsage.rss());
      },
      size: async () => 1,
    }),
  });
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const client = () => new S3Client({ ...clientDefaults, endpoint, region: 'us-east-1', credentials });
  const readObject = name === 'object' ? { readObject: realObjectReader({ bucket: 'bucket', client: client() }) } : {};
  const producer = createProducer({ ...memory.deps, ...readObject, emailRate: 1_000 });
  const source = SOURCES[name]?.(Number(count));
  if (!source) throw new Error(`there is no source ${name}`);
  const begun = performance.now();
  const accepted = await producer.campaign(
    { from: { email: 'news@example.com' }, templateId: `d-${'0'.repeat(32)}`, transactional: true },
    source,
  );
  const seconds = (performance.now() - begun) / 1000;
  process.stdout.write(JSON.stringify({ recipients: accepted.recipients, seconds, megabytes: most / 1e6 }));
}

void main(process.argv.slice(2));
