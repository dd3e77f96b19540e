import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** S3 answers a read of a small object in about this time. */
const READ_MS = 30;
const PAGE = 1_000;

/** S3's answers to list, read and write objects over HTTP, each read as late as S3's. `stored`: by key, sorted. */
export async function slowBucket(stored: Map<string, Uint8Array>) {
  const sorted = [...stored.keys()];
  const tagOf = (bytes: Uint8Array) => `"${createHash('md5').update(bytes).digest('hex')}"`;
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://127.0.0.1');
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    if (request.method === 'PUT') {
      const body: Buffer[] = [];
      request.on('data', (chunk: Buffer) => body.push(chunk));
      request.on('end', () => {
        stored.set(key, Buffer.concat(body));
        response.end();
      });
    } else if (key === '') {
      response.end(page(sorted, url.searchParams));
    } else {
      setTimeout(() => {
        const bytes = stored.get(key);
        if (bytes) response.setHeader('ETag', tagOf(bytes));
        response.writeHead(bytes ? 200 : 404).end(bytes);
      }, READ_MS);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

/** Keys are listed once, and each page begins where the one before ended. */
function page(sorted: readonly string[], asked: URLSearchParams): string {
  const of = (name: string) => asked.get(name) ?? '';
  const after = of('continuation-token') || of('start-after');
  const most = Math.min(PAGE, Number(of('max-keys') || PAGE));
  const from = firstAfter(sorted, after);
  // All originals are in one folder, and nothing else is listed but the empty one of Parquet.
  const keys = sorted.slice(from, from + most + 1).filter((key) => key.startsWith(of('prefix')));
  const some = keys.slice(0, most);
  const more = keys.length > most;
  return [
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>',
    `<IsTruncated>${more}</IsTruncated>`,
    more ? `<NextContinuationToken>${some.at(-1)}</NextContinuationToken>` : '',
    ...some.map((key) => `<Contents><Key>${key}</Key></Contents>`),
    '</ListBucketResult>',
  ].join('');
}

function firstAfter(sorted: readonly string[], key: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') > key) high = middle;
    else low = middle + 1;
  }
  return low;
}
