import { z } from 'zod';
import { ConfigurationProblems } from './problems';
import { whole } from './whole';

/** The limits of a queue's alarms. Times are seconds. */
export const thresholdsSchema = z.strictObject({
  /** DLQ entries, including those in flight. */
  dlqDepth: whole(1, 1_000_000),
  /** Age of the oldest DLQ entry. Must be below the DLQ's retention, or the alarm comes too late. */
  dlqAge: whole(60, 1_209_600),
  /** Time for which the oldest held job has been held. */
  held: whole(1, 1_209_600),
  /** Age of the oldest message. Must be longer than all waits between attempts together. */
  age: whole(1, 1_209_600),
  /** Waiting messages. */
  backlog: whole(1, 120_000),
  /** Age of the oldest message while no message finishes. */
  stalled: whole(1, 1_209_600),
  /** Dead jobs, in percent of the jobs that ended within 15 minutes. */
  errorRate: whole(1, 100),
  /** The error rate counts only if at least this many jobs ended. */
  errorRateJobs: whole(1, 1_000_000),
  /** Late canaries among the last three. */
  canary: whole(1, 3),
  /** Average time from due to finish. */
  finish: whole(1, 1_209_600),
});

export type Thresholds = z.infer<typeof thresholdsSchema>;

/** Parses the stage's thresholds, `custom.alarms`. Throws ConfigurationProblems with a line for each problem. */
export function parseThresholds(table: unknown): Thresholds {
  const parsed = thresholdsSchema.safeParse(table);
  if (parsed.success) return parsed.data;
  throw new ConfigurationProblems(
    parsed.error.issues.map((issue) =>
      issue.code === 'unrecognized_keys'
        ? `custom.alarms: unknown ${issue.keys.join(', ')}`
        : `custom.alarms.${issue.path.join('.')}: ${issue.message}`,
    ),
  );
}
