import { randomUUID } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { realObjectReader, realObjects } from '../../../lib/platform/aws/objects';
import { type Objects, TOO_LARGE } from '../../../lib/platform/ports';
import { localConfig } from '../../../packages/local/connection';
import { startAws } from '../../support/emulators';
import { fakeAws } from '../../support/fake-aws';
import { memoryObjects } from '../../support/memory-objects';

const BUCKET = 'a-bucket';

const aws = startAws({ bucket: BUCKET });
afterAll(async () => (await aws).close());

describe.each<[string, () => Promise<Objects>]>([
  ['the model in memory', async () => memoryObjects()],
  ['S3', async () => (await aws).objects],
])('the bucket: %s', (_name, start) => {
  let objects: Objects;
  beforeAll(async () => {
    objects = await start();
  });

  it('returns text and bytes as they were put, and their size, until they are deleted', async () => {
    const [json, binary] = [`put/${randomUUID()}.json`, `put/${randomUUID()}.bin`];
    const bytes = Buffer.from([0, 255, 128, 10]);
    await objects.put(json, '{"größe":1}', 'application/json');
    await objects.put(binary, bytes, 'application/octet-stream');

    expect(Buffer.from((await objects.get(json)) ?? []).toString()).toBe('{"größe":1}');
    expect(Buffer.from((await objects.get(binary)) ?? [])).toEqual(bytes);
    expect([await objects.size(json), await objects.size(binary)]).toEqual([13, 4]);
    for (const _again of [1, 2]) await objects.delete(binary);
    expect([await objects.size(binary), await objects.get(binary)]).toEqual([undefined, undefined]);
  });

  it('refuses an object that is larger than its reader allows, before it reads the bytes', async () => {
    const key = `large/${randomUUID()}`;
    await objects.put(key, 'four', 'text/plain');

    await expect(objects.get(key, { mostBytes: 3 })).rejects.toMatchObject({ class: 'store', code: TOO_LARGE });
    expect(await objects.get(key, { mostBytes: 4 })).toHaveLength(4);
  });

  it('lists the keys under a prefix in order, starting after a given key', async () => {
    const prefix = `list/${randomUUID()}/`;
    for (const name of ['c', 'a', 'd', 'b']) await objects.put(`${prefix}${name}`, name, 'text/plain');

    const names = async (options?: { after?: string; limit?: number }) =>
      (await objects.list(prefix, options)).map((key) => key.slice(prefix.length)).join('');

    expect(await names()).toBe('abcd');
    expect(await names({ limit: 2 })).toBe('ab');
    expect(await names({ after: `${prefix}b` })).toBe('cd');
    expect(await names({ limit: 0 })).toBe('');
    expect(await objects.list(`${prefix}nothing`)).toEqual([]);
  });

  it('lists more keys than one answer can hold', async () => {
    const prefix = `many/${randomUUID()}/`;
    const keys = Array.from({ length: 1_005 }, (_, n) => `${prefix}${String(n).padStart(5, '0')}`);
    for (let at = 0; at < keys.length; at += 50)
      await Promise.all(keys.slice(at, at + 50).map((key) => objects.put(key, '', 'text/plain')));

    expect(await objects.list(prefix)).toEqual(keys);
    expect(await objects.list(prefix, { limit: 1_002 })).toEqual(keys.slice(0, 1_002));
  });

  it('writes only the first of several creates', async () => {
    await objects.put('put', 'first', 'text/plain');

    const answers = [
      await objects.create('new', 'first', 'text/plain', { job: '1' }),
      await objects.create('new', 'second', 'text/plain', { job: '2' }),
      await objects.create('put', 'second', 'text/plain'),
    ];
    const racing = await Promise.all(Array.from({ length: 5 }, (_, n) => objects.create('race', `${n}`, 'text/plain')));
    const stored = await Promise.all(['new', 'put'].map((key) => objects.get(key)));

    expect(answers).toEqual(['created', 'exists', 'exists']);
    expect(racing.filter((answer) => answer === 'created')).toHaveLength(1);
    expect(stored.map((bytes) => Buffer.from(bytes ?? []).toString())).toEqual(['first', 'first']);
  });

  it('replaces an object only in the version that was read', async () => {
    await objects.create('a', 'first', 'text/plain', { events: '1' });
    const first = await objects.read('a');
    const { etag: old = '' } = first ?? {};

    const answers = [
      await objects.replace('a', 'second', 'text/plain', old),
      await objects.replace('a', 'third', 'text/plain', old),
      await objects.replace('absent', 'first', 'text/plain', old),
    ];
    const second = await objects.read('a');
    const { etag = '' } = second ?? {};
    const again = ['a', 'absent'].map((key) => objects.readChanged(key, etag));
    const reads = await Promise.all([...again, objects.readChanged('a', old), objects.readChanged('a', '')]);
    const replaces = Array.from({ length: 5 }, (_, n) => objects.replace('a', `${n}`, 'text/plain', etag));
    const racing = await Promise.all(replaces);
    const absent = await objects.read('absent');

    expect(first?.metadata).toEqual({ events: '1' });
    expect(answers).toEqual(['replaced', 'changed', 'changed']);
    expect(Buffer.from(second?.bytes ?? []).toString()).toBe('second');
    expect(second?.etag).not.toBe(first?.etag);
    expect(reads).toEqual(['unchanged', undefined, second, second]);
    expect(racing.filter((answer) => answer === 'replaced')).toHaveLength(1);
    expect(absent).toBeUndefined();
  });
});

describe('S3 alone', () => {
  it('reports a missing bucket, which is not a missing object', async () => {
    const { s3: client } = (await aws).clients;

    const missing = realObjects({ bucket: 'another-bucket', client }).get('key');

    await expect(missing).rejects.toMatchObject({ name: 'StoreError', code: 'S3.NoSuchBucket', status: 404 });
  });

  it('is read in several chunks as a stream, and a missing object is an error', async () => {
    const { s3: client } = (await aws).clients;
    const bytes = Buffer.alloc(3 * 1024 * 1024, 'a line of text\n');
    await realObjects({ bucket: BUCKET, client }).put('list.csv', bytes, 'text/csv');
    const read = realObjectReader({ bucket: BUCKET, client });

    const pieces: Uint8Array[] = [];
    for await (const piece of read('list.csv')) pieces.push(piece);

    expect(pieces.length).toBeGreaterThan(1);
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    await expect(read('none.csv').next()).rejects.toMatchObject({ name: 'StoreError', code: 'S3.NoSuchKey' });
  });
});

const CONFLICT = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>ConditionalRequestConflict</Code></Error>';

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
test('while another request changes the key, a create is tried a few times, and a replace reports another version', async () => {
  let conflicts = 0;
  const conditions: (string | undefined)[] = [];
  const { url, close } = await fakeAws(({ request }) => {
    conditions.push(request.headers['if-none-match']);
    return conflicts-- > 0 ? [409, CONFLICT] : [200, ''];
  });
  const client = new S3Client(localConfig(url));
  const objects = realObjects({ bucket: BUCKET, client });

  conflicts = 1;
  const replaced = await objects.replace('key', 'x', 'text/plain', '"etag"');
  conflicts = 3;
  const created = await objects.create('key', 'x', 'text/plain');
  conflicts = 100;
  const refused = await objects.create('other', 'x', 'text/plain').catch((error: unknown) => error);
  client.destroy();
  await close();

  expect([replaced, created]).toEqual(['changed', 'created']);
  expect(refused).toMatchObject({ name: 'StoreError', code: 'S3.ConditionalRequestConflict', status: 409 });
  expect(conditions).toEqual([undefined, ...Array(8).fill('*')]);
});
