import * as z from 'zod';
import type { Completion } from '../../lib/platform/ports';

const time = z.iso.datetime();

/** The `detail` of a completion event. `npm run schemas` writes it for consumers. Fields may be added. */
export const completionSchema = z.looseObject({
  id: z.string().describe('{job}:{generation}:{state}. A repeat of the event has the same id'),
  job: z.string(),
  queue: z.string(),
  type: z.string().optional().describe("The job's message type, if that is known"),
  generation: z.int().min(1).describe('1 at first, one more each time the job is opened again'),
  state: z.enum(['succeeded', 'dead', 'cancelled']),
  reason: z
    .enum(['error', 'crash', 'expired', 'operator', 'never-sent', 'superseded'])
    .optional()
    .describe('Why the job is dead or cancelled'),
  final: z.boolean().describe('Whether nothing can change this end'),
  result: z.unknown().optional().describe("The worker's small answer after a success"),
  error: z.looseObject({ code: z.string(), field: z.string().optional() }).optional().describe('Of a dead job'),
  without: z
    .array(z.looseObject({ what: z.string(), code: z.string() }))
    .optional()
    .describe('What a succeeded job lacks, like its mail, and why'),
  correlationId: z.string().optional(),
  traceparent: z.string().optional(),
  acceptedAt: time,
  startedAt: time.optional(),
  endedAt: time,
}) satisfies { shape: Record<keyof Completion, z.ZodType> };
