import { z } from 'zod';
import { describeIssue, envelopeSchema } from '../jobs/envelope';
import { singleLine } from '../text';
import { InvalidJobError } from './errors';

export interface SubmitOptions {
  /** The caller's idempotency key (an API's `Idempotency-Key`): the same key and data is the same job, for 45 days after its end. */
  key?: string | undefined;
  /** Whose key it is, e.g. the id of the API's client. Two principals' keys never meet. */
  principal?: string | undefined;
  correlationId?: string | undefined;
  /** W3C trace context; a malformed one is ignored, as that standard demands. */
  traceparent?: string | undefined;
}

export const submitOptions = z.strictObject({
  key: singleLine(255).optional(),
  principal: singleLine(255).optional(),
  correlationId: singleLine(128).optional(),
  traceparent: envelopeSchema.shape.traceparent.catch(undefined),
});

/** The input as its schema has it. Throws an InvalidJobError that names every problem. */
export function valid<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new InvalidJobError(parsed.error.issues.map((issue) => describeIssue(issue)));
}
