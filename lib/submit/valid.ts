import * as z from 'zod';
import { describeIssue, envelopeSchema, PUBLIC_FORMS } from '../jobs/envelope';
import { singleLine } from '../text';
import { InvalidJobError } from './errors';

interface JobOptions {
  /** Follows the job through logs, records and vendors. Letters, digits and _.:/=;,+- only, at most 128. */
  correlationId?: string | undefined;
  /** W3C trace context. A malformed one is ignored, as the standard demands. */
  traceparent?: string | undefined;
  /** The job starts at this time or within a minute after it: ISO 8601 with an offset, at most 30 days ahead. */
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
    | { key: string | undefined; principal: string; system?: undefined }
    | { key: string | undefined; principal?: undefined; system: true }
  );

/** Owns the keys of jobs that operators send in place of others, so no caller may be called this. */
export const OPERATOR = 'operator';

export const submitOptions = z
  .strictObject({
    key: singleLine(255).optional(),
    principal: singleLine(255)
      .refine((name) => name !== OPERATOR, 'is reserved')
      .optional(),
    system: z.literal(true).optional(),
    correlationId: z
      .string()
      .regex(
        PUBLIC_FORMS.correlationId,
        'must be 1 to 128 letters, digits or _.:- and no number, because vendors store it',
      )
      .optional(),
    traceparent: envelopeSchema.shape.traceparent.catch(undefined),
    notBefore: z.iso.datetime({ offset: true }).optional(),
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

export type CheckedOptions = z.output<typeof submitOptions>;

/** The id of a job or a campaign that a caller asks about. A key of the table has at most 2,048 bytes. */
export const askedId = z.string().min(1).max(255);

/** Parses the input with its schema. Throws an InvalidJobError that names all problems. */
export function valid<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new InvalidJobError(parsed.error.issues.map((issue) => describeIssue(issue)));
}
