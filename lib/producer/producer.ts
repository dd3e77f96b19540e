import { z } from 'zod';
import type { QueueSettings } from '../config';
import {
  FEEDBACK_QUEUE,
  FEEDBACK_SUBMITTED,
  type FeedbackInput,
  feedbackGroup,
  feedbackSchema,
} from '../feedback/message';
import { describeIssue, envelopeSchema } from '../jobs/envelope';
import { createLedger } from '../jobs/ledger';
import type { Clock, Log, Objects, Queues, Random, Table } from '../ports';
import { singleLine } from '../text';
import { InvalidJobError } from './errors';
import { type Accepted, submit } from './submit';

export interface ProducerDeps {
  table: Table;
  queues: Queues;
  objects: Objects;
  clock: Clock;
  random: Random;
  log: Log;
  /** Everything of ours in the bucket lies under it. */
  prefix: string;
  /** CloudEvents' source of every job from here, e.g. `/my-instance/api`. */
  source: string;
  queueUrl: (queue: string) => string;
  settings: (queue: string) => QueueSettings;
}

export interface SubmitOptions {
  /** The caller's idempotency key (an API's `Idempotency-Key`): the same key and data is the same job, for 45 days after its end. */
  key?: string | undefined;
  /** Whose key it is, e.g. the id of the API's client. Two principals' keys never meet. */
  principal?: string | undefined;
  correlationId?: string | undefined;
  /** W3C trace context; a malformed one is ignored, as that standard demands. */
  traceparent?: string | undefined;
}

/**
 * The typed client that an API imports, one function per kind of job. Every function rejects with an InvalidJobError
 * (400), an IdempotencyConflictError (409) or a StoreError (503: try again, with the same key).
 */
export interface Producer {
  feedback(data: FeedbackInput, options?: SubmitOptions): Promise<Accepted>;
}

const optionsSchema = z.strictObject({
  key: singleLine(255).optional(),
  principal: singleLine(255).optional(),
  correlationId: singleLine(128).optional(),
  traceparent: envelopeSchema.shape.traceparent.catch(undefined),
});

/** A producer over the given ports. */
export function createProducer(deps: ProducerDeps): Producer {
  const submitDeps = { ...deps, ledger: createLedger(deps) };
  return {
    feedback: async (input, options = {}) => {
      const data = valid(feedbackSchema, input);
      return submit(submitDeps, {
        ...valid(optionsSchema, options),
        queue: FEEDBACK_QUEUE,
        type: FEEDBACK_SUBMITTED,
        data,
        group: feedbackGroup(data),
      });
    },
  };
}

function valid<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new InvalidJobError(parsed.error.issues.map((issue) => describeIssue(issue)));
}
