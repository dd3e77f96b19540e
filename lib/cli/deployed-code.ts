import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { realObjects } from '../aws/objects';
import type { AwsConfig, Template } from './serverless';
import { templateOf } from './stack';

interface Code {
  S3Key: string;
}

/**
 * Replaces the key of each function's code by a hash of it. Each deployment uploads under new keys, so the keys always
 * differ. `hashOf` returns undefined for code that it does not find.
 */
async function withHashes(template: Template, hashOf: (key: string) => Promise<string | undefined>): Promise<Template> {
  const resources = Object.entries(template.Resources).map(async ([id, resource]) => {
    const { Code: code, ...rest } = (resource.Properties ?? {}) as { Code?: Code };
    if (resource.Type !== 'AWS::Lambda::Function' || !code?.S3Key) return [id, resource] as const;
    return [id, { ...resource, Properties: { ...rest, Code: await hashOf(code.S3Key) } }] as const;
  });
  return { Resources: Object.fromEntries(await Promise.all(resources)) };
}

/** The template of an earlier deployment, which Serverless keeps in a folder of its bucket. `undefined`: it is not there. */
export async function earlierTemplate(
  folder: string,
  { config, bucket }: { config: AwsConfig; bucket: string },
): Promise<Template | undefined> {
  const client = new S3Client(config);
  const key = `${folder}/compiled-cloudformation-template.json`;
  const bytes = await realObjects({ bucket, client })
    .get(key)
    .finally(() => client.destroy());
  return bytes && templateOf(Buffer.from(bytes).toString('utf8'), 'that deployment');
}

/** A packaged template, with the hashes of its archives in the folder. */
export const packagedCode = (template: Template, folder: string): Promise<Template> =>
  withHashes(template, async (key) =>
    createHash('sha256')
      .update(await readFile(join(folder, basename(key))))
      .digest('base64'),
  );

/** A deployed template, with the hashes that Serverless stored beside its archives. */
export async function deployedCode(
  template: Template,
  { config, bucket }: { config: AwsConfig; bucket: string },
): Promise<Template> {
  const s3 = new S3Client(config);
  const hashOf = async (Key: string) => {
    const { Metadata } = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key }));
    return Metadata?.filesha256;
  };
  return withHashes(template, (key) => hashOf(key).catch(() => undefined)).finally(() => s3.destroy());
}
