import { createServer } from 'node:http';
import { S3Client } from '@aws-sdk/client-s3';
import { close, listen } from '../../lib/local/loopback';
import { against } from './emulators';

const CONFLICT = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>ConditionalRequestConflict</Code></Error>';

/**
 * An S3 whose keys another client writes at the same time. It answers 409 `conflicts` times, then 200
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
 */
export async function startBusyS3() {
  const conditions: (string | undefined)[] = [];
  const control = { conflicts: 0 };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      conditions.push(request.headers['if-none-match']);
      if (control.conflicts-- > 0) response.writeHead(409).end(CONFLICT);
      else response.writeHead(200).end();
    });
  });
  const client = new S3Client(against(await listen(server, 0)));
  return {
    client,
    /** `If-None-Match` of each request. */
    conditions,
    control,
    close: async () => {
      client.destroy();
      await close(server);
    },
  };
}
