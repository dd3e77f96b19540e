import * as z from 'zod';
import { sha256 } from '../engine/jobs/envelope';
import { attachmentsPrefix, uploadsPrefix } from '../engine/jobs/keys';
import { InvalidJobError, type Problem } from '../engine/submit/errors';
import { accepted } from '../engine/submit/options';
import type { SubmitDeps } from '../engine/submit/submit';
import type { Objects } from '../platform/ports';
import { exactLine, mediaType, singleLine } from '../platform/text';
import { EMAILS_FACTS, EMAILS_QUEUE } from './emails/queue';
import { FEEDBACK_FACTS, FEEDBACK_QUEUE } from './feedback/queue';

/** For whose jobs users may upload files, and how large. */
export const UPLOADS: Readonly<Record<string, { mostBytes: number; mostBytesOfJob?: number }>> = {
  [FEEDBACK_QUEUE]: FEEDBACK_FACTS.uploads,
  [EMAILS_QUEUE]: EMAILS_FACTS.uploads,
};
const mostOf = (queue: string): number => UPLOADS[queue]?.mostBytes ?? 0;

export const uploadSchema = z
  .strictObject({
    queue: z
      .enum([FEEDBACK_QUEUE, EMAILS_QUEUE])
      .default(FEEDBACK_QUEUE)
      .describe('Whose jobs may use the file: feedback for attachments, emails for lists of recipients.'),
    principal: exactLine(255, 'Only jobs of this principal may use the file.'),
    name: singleLine(255, 'Its ending becomes the ending of the key.').default('file'),
    contentType: mediaType.default('application/octet-stream'),
    maxBytes: z.int().positive().optional().describe('The most: at most and by default 50 MiB, for emails 512 MiB.'),
    expiresIn: z.int().min(1).max(3_600).default(600).describe('Seconds until the form expires, 1 to 3600.'),
  })
  .superRefine(({ queue, maxBytes = 0 }, { addIssue }) => {
    const message = `must be at most ${mostOf(queue)} for ${queue}`;
    if (maxBytes > mostOf(queue)) addIssue({ code: 'custom', path: ['maxBytes'], message });
  });

/** A file that a user of the API wants to upload. */
export type UploadInput = z.input<typeof uploadSchema>;

/** A form for the upload: send `fields`, then the file as `file`, as multipart/form-data to `url`. */
export interface Upload {
  url: string;
  fields: Record<string, string>;
  /** The key of the uploaded file, for a job's data. */
  key: string;
  /** ISO 8601. */
  expiresAt: string;
  /** What was left out of the question, because it could not be used. */
  warnings?: Problem[];
}

/** What S3 checks when it takes the upload. */
export type PostPolicy = Record<'key' | 'contentType', string> & Record<'maxBytes' | 'expiresIn', number>;

export interface UploadDeps extends Pick<SubmitDeps, 'clock' | 'random' | 'prefix' | 'settings'> {
  sign: (policy: PostPolicy) => Promise<{ url: string; fields: Record<string, string> }>;
}

/** Prepares an upload. Throws an InvalidJobError. The object's key holds no name and no principal in the clear. */
export async function prepareUpload(
  { clock, random, prefix, settings, sign }: UploadDeps,
  input: UploadInput,
): Promise<Upload> {
  const { data: checked, warnings } = accepted('upload', uploadSchema, input);
  const { queue, principal, name, contentType, maxBytes = mostOf(queue), expiresIn } = checked;
  settings(queue);
  const [ending = ''] = /\.[A-Za-z0-9]{1,10}$/.exec(name) ?? [];
  const key = `${folderOf(prefix, queue, principal)}${random.uuid()}${ending.toLowerCase()}`;
  const expiresAt = new Date(clock.now() + expiresIn * 1000).toISOString();
  const form = await sign({ key, contentType, maxBytes, expiresIn });
  return { ...form, key, expiresAt, ...(warnings.length > 0 && { warnings }) };
}

const folderOf = (prefix: string, queue: string, principal: string): string =>
  `${uploadsPrefix(prefix, queue)}${sha256(JSON.stringify([queue, principal])).slice(0, 32)}/`;

/** Returns the uploads among the keys. Rejects with an InvalidJobError, or with a StoreError if S3 is down. */
export async function checkFiles(
  { objects, prefix, ownFiles = false }: Pick<SubmitDeps, 'prefix' | 'ownFiles'> & { objects: Pick<Objects, 'size'> },
  keys: readonly { field: string; key: string }[],
  { queue, principal }: { queue: string; principal: string | undefined },
): Promise<string[]> {
  const refuse = (rule: string, isWrong: (key: string, place: number) => boolean) => {
    const wrong = keys.filter(({ key }, place) => isWrong(key, place));
    if (wrong.length > 0)
      throw new InvalidJobError(wrong.map(({ field }) => ({ field, message: `${field}: ${rule}` })));
  };
  const isUploaded = (key: string) => isUpload(key, { prefix, queue });
  const own = principal === undefined ? undefined : folderOf(prefix, queue, principal);
  refuse('must not have empty parts, or the parts . and ..', (key) =>
    key.split('/').some((part) => ['', '.', '..'].includes(part)),
  );
  refuse("must be under the attachments' prefix", (key) => !key.startsWith(attachmentsPrefix(prefix, queue)));
  refuse('must be an upload: only a producer with ownFiles names other files', (key) => !ownFiles && !isUploaded(key));
  refuse('must be an upload of the same principal', (key) => isUploaded(key) && !(own && key.startsWith(own)));
  const sizes = await Promise.all(keys.map(({ key }) => objects.size(key)));
  refuse('there is no such object', (_, place) => sizes[place] === undefined);
  const { mostBytesOfJob } = UPLOADS[queue] ?? {};
  if (mostBytesOfJob !== undefined) {
    refuse(`must be at most ${mostOf(queue)} bytes`, (_, place) => (sizes[place] ?? 0) > mostOf(queue));
    const sum = sizes.reduce<number>((bytes, size = 0) => bytes + size, 0);
    refuse(`must be at most ${mostBytesOfJob} bytes with the others`, () => sum > mostBytesOfJob);
  }
  return keys.map(({ key }) => key).filter(isUploaded);
}

export const isUpload = (key: unknown, { prefix, queue }: { prefix: string; queue: string }): key is string =>
  typeof key === 'string' && key.startsWith(uploadsPrefix(prefix, queue));
