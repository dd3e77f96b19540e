import { hash } from 'node:crypto';
import { v5, v7 } from 'uuid';
import * as z from 'zod';
import { normalise } from '../../platform/normalise';
import type { Clock, Random } from '../../platform/ports';
import { exactLine, isoTime } from '../../platform/text';
import { describeIssues, describeLeft, envelopeSchema, PUBLIC_FORMS } from '../jobs/envelope';
import type { HashPeople } from '../jobs/person-hash';
import { InvalidJobError, type Problem } from './errors';

interface JobOptions {
  correlationId?: string | undefined;
  traceparent?: string | undefined;
  notBefore?: string | undefined;
}

/**
 * `key`: the caller's idempotency key. The same key and data find the same job until 45 days after its end. A key needs
 * its owner, because keys of two owners never collide: `principal`, such as the id of the API's client, or `system` for
 * a job that the API sends for itself.
 */
export type SubmitOptions = JobOptions &
  (
    | { key?: undefined; principal?: string | undefined; system?: undefined }
    | { key: string | undefined; principal?: undefined; system: true }
    // The last one is what an error of the compiler is about.
    | { key: string | undefined; principal: string; system?: undefined }
  );

/** Owns the keys of jobs that operators send in place of others, so no caller may be called this. */
export const OPERATOR = 'operator';

export const submitOptions = z
  .strictObject({
    key: exactLine(255, 'The idempotency key: the same key, owner and data find the same job.').optional(),
    principal: exactLine(255, 'The owner of key and job, such as the id of a client.')
      .refine((name) => name !== OPERATOR, 'is reserved')
      .optional(),
    system: z.literal(true).optional().describe('In place of `principal`, for a job that the API sends for itself.'),
    correlationId: z
      .string()
      .regex(
        PUBLIC_FORMS.correlationId,
        'must be 1 to 128 letters, digits or _.:- and no number, because vendors store it',
      )
      .optional()
      .describe('Follows the job through logs, records and vendors: 1 to 128 letters, digits or _.:- and no number.'),
    traceparent: envelopeSchema.shape.traceparent.describe('W3C trace context.'),
    notBefore: isoTime
      .optional()
      .describe('The job starts at or soon after this: ISO 8601 with Z or an offset, at most 30 days ahead.'),
  })
  .refine(({ principal, system }) => principal === undefined || system === undefined, {
    path: ['system'],
    message: 'cannot be combined with principal',
  })
  .refine(({ key, principal, system }) => key === undefined || principal !== undefined || system !== undefined, {
    path: ['principal'],
    message: 'is required with a key: the id of the client or user that owns the key, or else the option system',
  })
  // The keys of the system are those without a principal.
  .transform(({ system: _, ...options }) => options);

export type CheckedOptions = z.output<typeof submitOptions> & {
  /** The cosmetic fields of options and data that were left out. */
  warnings?: Problem[];
};

/** Checks the options of a job. Their fields are under `options`, apart from those of the data. */
export function validOptions(options: unknown): CheckedOptions {
  const { data, warnings } = accepted('options', submitOptions, options, 'options');
  return { ...data, warnings };
}

/** The id of a job, or of its parent, that a caller asks about. A key of the table has at most 2,048 bytes. */
export const askedId = z.string().min(1).max(255);

/**
 * Parses the input with its schema. Throws an InvalidJobError that names all problems, their fields under `prefix`.
 * `warnings`: the cosmetic fields of `of` that were left out.
 */
export function accepted<T>(of: string, schema: z.ZodType<T>, input: unknown, prefix = '') {
  const parsed = normalise(of, schema, input);
  if (parsed.issues) throw new InvalidJobError(describeIssues(parsed.issues, prefix));
  return { data: parsed.data, warnings: parsed.left.map((left) => describeLeft(left, prefix)) };
}

export const valid = <T>(schema: z.ZodType<T>, input: unknown, prefix = ''): T =>
  accepted('', schema, input, prefix).data;

type IdDeps = { clock: Clock; random: Random };

/** Never change this: another namespace would create a second job for every key in use. */
const NAMESPACE = 'b3f7c1de-5a0e-4a6b-9a55-6d0f3a2c9e41';

/** With a key, the id follows from queue, principal and key: a repeat finds the same job. Without, it is new. */
export function jobId({
  queue,
  key,
  principal = '',
  ...deps
}: Pick<CheckedOptions, 'key' | 'principal'> & IdDeps & { queue: string }): string {
  // JSON separates the three, because ("a", "bc") and ("ab", "c") must have different ids.
  return key === undefined ? newId(deps) : v5(JSON.stringify([queue, principal, key]), NAMESPACE);
}

/** A new id that sorts by time. A v4 UUID has fixed bits, but all bits of its hash are random. */
export const newId = ({ clock, random }: IdDeps): string =>
  v7({ msecs: clock.now(), random: hash('sha256', random.uuid(), 'buffer').subarray(0, 16) });

/** The `owner` that the row of a principal's job may have. Rejects with a StoreError if the hash key cannot be read. */
export const ownersOf = async (
  hashPeople: HashPeople,
  principal: string | undefined,
): Promise<readonly (string | undefined)[]> =>
  principal === undefined ? [undefined] : (await hashPeople())(`owner:${principal}`);
