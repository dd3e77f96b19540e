import type * as z from 'zod';
import { parseOrPark } from '../../lib/engine/jobs/envelope';
import { PermanentError } from '../../lib/platform/errors';

/** What a worker says about data that its schema refuses. */
export function problemOf(schema: z.ZodType, data: unknown): PermanentError {
  try {
    parseOrPark<unknown>(schema, data, { prefix: 'data' });
  } catch (error) {
    if (error instanceof PermanentError) return error;
    throw error;
  }
  throw new Error('the data was taken');
}
