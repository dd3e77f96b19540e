import { z } from 'zod';
import { ConfigurationProblems } from './problems';
import type { QueueRow } from './queue-table';
import { whole } from './whole';

/** When a queue's alarms ring. Times are seconds. */
export const thresholdsSchema = z.strictObject({
  /** Entries of the DLQ, in flight or not. */
  dlqDepth: whole(1, 1_000_000),
  /** Age of the oldest entry; below the DLQ's retention, or it rings when it is too late. */
  dlqAge: whole(60, 1_209_600),
  /** Age of the oldest hold. */
  held: whole(1, 1_209_600),
  /** Age of the oldest message; longer than all waits between attempts. */
  age: whole(1, 1_209_600),
  /** Messages that wait. */
  backlog: whole(1, 120_000),
  /** Age of the oldest message of a queue where none is done. */
  stalled: whole(1, 1_209_600),
  /** Percent of the jobs that ended within a quarter of an hour … */
  errorRate: whole(1, 100),
  /** … if at least so many ended. */
  errorRateJobs: whole(1, 1_000_000),
  /** Of the last three canaries, those not done in time. */
  canary: whole(1, 3),
  /** From due to finish, on average. */
  finish: whole(1, 1_209_600),
});

export type Thresholds = z.infer<typeof thresholdsSchema>;

/** Parses `custom.alarms`, the stage's thresholds; throws ConfigurationProblems that name each. */
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

/**
 * Thresholds that would ring for nothing, or too late; throws ConfigurationProblems. `waits`: seconds between a job's
 * attempts, during which its message rightly grows old in the queue.
 */
export function checkThresholds(rows: QueueRow[], stage: Thresholds, waits: number[]): void {
  const longest = waits.reduce((sum, wait) => sum + wait, 0) * 1.1;
  const problems = rows.flatMap((row) => {
    const { dlqAge, age, stalled } = { ...stage, ...row.alarms };
    const at = `custom.queues.${row.name}: alarms`;
    const rules: [boolean, string][] = [
      [Number(dlqAge) < row.dlq.retention, `dlqAge must be < the DLQ's retention (${row.dlq.retention}), is ${dlqAge}`],
      [Number(age) < row.retention, `age must be < the queue's retention (${row.retention}), is ${age}`],
      [Number(age) > longest, `age must be > the waits between attempts (${longest}), is ${age}`],
      [Number(stalled) > longest, `stalled must be > the waits between attempts (${longest}), is ${stalled}`],
    ];
    return rules.filter(([ok]) => !ok).map(([, text]) => `${at}.${text}`);
  });
  if (problems.length > 0) throw new ConfigurationProblems(problems);
}
