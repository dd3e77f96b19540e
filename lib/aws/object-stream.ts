import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { StoreError } from '../errors';
import { s3Client } from './objects';
import { guarded } from './store-error';

/**
 * Reads an object in chunks, for lists that are larger than memory. Rejects with a StoreError, also if the object does
 * not exist (`S3.NoSuchKey`) or the connection breaks.
 */
export function realObjectReader({ bucket, client = s3Client() }: { bucket: string; client?: S3Client }) {
  return async function* read(key: string): AsyncGenerator<Uint8Array> {
    const { Body } = await guarded({
      service: 'S3',
      operation: 'GetObject',
      call: () => client.send(new GetObjectCommand({ Bucket: bucket, Key: key })),
    });
    try {
      for await (const chunk of Body as AsyncIterable<Uint8Array>) yield chunk;
    } catch {
      throw new StoreError({ code: 'S3.Interrupted', message: 'S3 GetObject was interrupted' });
    }
  };
}
