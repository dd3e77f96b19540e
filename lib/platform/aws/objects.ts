import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { StoreError } from '../errors';
import type { Objects } from '../ports';
import { clientDefaults, guarded, isAwsError, statusOf } from './clients';

/** S3 answers 409 while another request changes the same key. The caller should try again. */
const CONFLICT = 'ConditionalRequestConflict';
const MOST_CONFLICTS = 3;

const s3 = guarded('S3');

const isMissing = (error: unknown): boolean => statusOf(error) === 404 && !isAwsError(error, 'NoSuchBucket');

const unlessMissing = <T>(call: Promise<T>): Promise<T | undefined> =>
  call.catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });

export const s3Client = (config: S3ClientConfig = clientDefaults): S3Client => new S3Client(config);

/** `kmsKey`: the ARN or alias of the key that encrypts what is written. Without it, the bucket's own setting decides. */
interface Bucket {
  bucket: string;
  kmsKey?: string | undefined;
  client?: S3Client;
}

/** The bucket through the AWS SDK. Without `s3:ListBucket`, a missing object is a StoreError (`S3.AccessDenied`). */
export function realObjects({ bucket, kmsKey, client = s3Client() }: Bucket): Objects {
  const put = (object: PutArguments, condition?: { IfNoneMatch: '*' } | { IfMatch: string }) =>
    client.send(new PutObjectCommand({ ...putInput({ bucket, kmsKey }, object), ...condition }));

  const read = (key: string, mostBytes = Number.POSITIVE_INFINITY, unless = '') =>
    s3('GetObject', async () => {
      const asked = new GetObjectCommand({ Bucket: bucket, Key: key, ...(unless && { IfNoneMatch: unless }) });
      const { Body, ETag = '', ContentLength = 0, Metadata = {} } = (await unlessMissing(client.send(asked))) ?? {};
      if (ContentLength > mostBytes) {
        if (Body instanceof Readable) Body.destroy();
        throw Object.assign(new Error('too large'), { name: 'TooLarge' });
      }
      const bytes = await Body?.transformToByteArray();
      return bytes && { bytes, etag: ETag, metadata: Metadata };
    });

  return {
    put: async (...object) => void (await s3('PutObject', () => put(object))),
    create: (...object) => s3('PutObject', () => created(() => put(object, { IfNoneMatch: '*' }))),
    replace: (key, body, contentType, etag, metadata) =>
      s3('PutObject', () => replaced(() => put([key, body, contentType, metadata], { IfMatch: etag }))),

    get: async (key, { mostBytes } = {}) => (await read(key, mostBytes))?.bytes,
    read: (key) => read(key),
    readChanged: (key, etag) =>
      read(key, undefined, etag).catch((error: unknown) => {
        if (error instanceof StoreError && error.status === 304) return 'unchanged';
        throw error;
      }),

    size: (key) =>
      s3('HeadObject', async () => {
        const head = await unlessMissing(client.send(new HeadObjectCommand({ Bucket: bucket, Key: key })));
        return head && (head.ContentLength ?? 0);
      }),

    delete: async (key) =>
      void (await s3('DeleteObject', () => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })))),

    list: (prefix, { after, limit = Number.POSITIVE_INFINITY } = {}) =>
      s3('ListObjectsV2', async () => {
        const keys: string[] = [];
        if (limit <= 0) return keys;
        const start = after === undefined ? {} : { StartAfter: after };
        const input = { Bucket: bucket, Prefix: prefix, MaxKeys: Math.min(limit, 1000), ...start };
        for await (const page of paginateListObjectsV2({ client }, input)) {
          for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
          if (keys.length >= limit) break;
        }
        return keys.slice(0, limit);
      }),
  };
}

type PutArguments = Parameters<Objects['put']>;

const putInput = ({ bucket, kmsKey }: Bucket, [key, body, contentType, metadata]: PutArguments) => ({
  Bucket: bucket,
  Key: key,
  // The SDK would treat an empty string as a stream of unknown length.
  Body: typeof body === 'string' ? Buffer.from(body) : body,
  ContentType: contentType,
  ...(metadata && { Metadata: metadata }),
  // With a bucket key, S3 asks KMS once for many objects.
  ...(kmsKey && { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: kmsKey, BucketKeyEnabled: true }),
});

async function created(put: () => Promise<unknown>): Promise<'created' | 'exists'> {
  for (let again = MOST_CONFLICTS; ; again--) {
    try {
      await put();
      return 'created';
    } catch (error) {
      if (statusOf(error) === 412) return 'exists';
      if (again === 0 || !isAwsError(error, CONFLICT)) throw error;
    }
  }
}

async function replaced(put: () => Promise<unknown>): Promise<'replaced' | 'changed'> {
  try {
    await put();
    return 'replaced';
  } catch (error) {
    // 412: another version is there. 404: none is. 409: another request changed the key meanwhile.
    if (statusOf(error) === 412 || isMissing(error) || isAwsError(error, CONFLICT)) return 'changed';
    throw error;
  }
}

/** Reads an object in chunks. A missing one (`S3.NoSuchKey`) and a broken connection are StoreErrors too. */
export function realObjectReader({ bucket, client = s3Client() }: { bucket: string; client?: S3Client }) {
  return async function* read(key: string): AsyncGenerator<Uint8Array> {
    const { Body } = await s3('GetObject', () => client.send(new GetObjectCommand({ Bucket: bucket, Key: key })));
    try {
      for await (const chunk of Body as AsyncIterable<Uint8Array>) yield chunk;
    } catch {
      throw new StoreError({ code: 'S3.Interrupted', message: 'S3 GetObject was interrupted' });
    }
  };
}
