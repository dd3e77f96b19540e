import * as z from 'zod';
import { whole } from './values';

/** The limits of a queue's alarms. Times are seconds. */
export const thresholdsSchema = z.strictObject({
  dlqDepth: whole(1, 1_000_000).describe('DLQ entries, including those in flight'),
  held: whole(1, 1_209_600).describe('Time for which the oldest held job has been held'),
  age: whole(1, 1_209_600).describe('Age of the oldest message. Must be longer than all waits between attempts'),
  errorRate: whole(1, 100).describe('Dead jobs, in percent of the jobs that ended within 15 minutes'),
  errorRateJobs: whole(1, 1_000_000).describe('The error rate counts only if at least this many jobs ended'),
  canary: whole(1, 3).describe('Late canaries among the last three. Late: not done before the next was due'),
  finish: whole(1, 1_209_600).describe('Average time from due to finish. Chunks of campaigns do not count'),
});

export type Thresholds = z.infer<typeof thresholdsSchema>;
