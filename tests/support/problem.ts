import type * as z from 'zod';
import { PermanentError } from '../../lib/errors';
import { parseOrPark } from '../../lib/jobs/envelope';

/** What a worker says about data that its schema refuses. */
export function problemOf(schema: z.ZodType, data: unknown): { field: string | undefined; message: string } {
  try {
    parseOrPark<unknown>(schema, data, 'data');
  } catch (error) {
    if (error instanceof PermanentError) return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error('the data was taken');
}
