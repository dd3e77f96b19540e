import * as z from 'zod';
import { describeIssue, envelopeSchema } from '../jobs/envelope';
import { singleLine } from '../text';
import { InvalidJobError } from './errors';

export interface SubmitOptions {
  /** The caller's idempotency key. The same key and data find the same job until 45 days after its end. */
  key?: string | undefined;
  /** The owner of the key, e.g. the id of the API's client. Keys of two principals never collide. */
  principal?: string | undefined;
  correlationId?: string | undefined;
  /** W3C trace context. A malformed one is ignored, as the standard demands. */
  traceparent?: string | undefined;
  /** The job starts at this time or within a minute after it: ISO 8601 with an offset, at most 30 days ahead. */
  notBefore?: string | undefined;
}

export const submitOptions = z.strictObject({
  key: singleLine(255).optional(),
  principal: singleLine(255).optional(),
  correlationId: singleLine(128).optional(),
  traceparent: envelopeSchema.shape.traceparent.catch(undefined),
  notBefore: z.iso.datetime({ offset: true }).optional(),
});

/** Parses the input with its schema. Throws an InvalidJobError that names all problems. */
export function valid<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new InvalidJobError(parsed.error.issues.map((issue) => describeIssue(issue)));
}
