import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { against } from './emulators';

const error = (code: string): string => `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code></Error>`;

/**
 * As much of S3 as a conditional put needs, which the emulator lacks: `If-None-Match: *` is answered by 412 where there
 * is an object, and by 409 as often as `conflicts` says (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
 */
export async function startConditionalS3() {
  const stored = new Map<string, Buffer>();
  const seen: { method: string; key: string; ifNoneMatch: string | undefined }[] = [];
  const control = { conflicts: 0 };
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const key = decodeURIComponent(url.split('?')[0] ?? '');
    const ifNoneMatch = headers['if-none-match'];
    seen.push({ method, key, ifNoneMatch });
    const answer = (status: number, body: string | Buffer = '') => response.writeHead(status).end(body);
    if (method === 'GET') {
      const found = stored.get(key);
      return found ? answer(200, found) : answer(404, error('NoSuchKey'));
    }
    if (ifNoneMatch === '*') {
      if (control.conflicts > 0) {
        control.conflicts--;
        return answer(409, error('ConditionalRequestConflict'));
      }
      if (stored.has(key)) return answer(412, error('PreconditionFailed'));
    }
    stored.set(key, Buffer.concat(chunks));
    return answer(200);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const client = new S3Client(against(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  return {
    client,
    seen,
    control,
    close: async () => {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
