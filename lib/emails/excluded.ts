import type { JobRow, Step } from '../jobs/row';

/** Name of the step that keeps whom SendGrid refused, where it refused a request because of single recipients. */
export const EXCLUDED = 'excluded';

/** Who is left out of a job's request: SendGrid has named their addresses and taken nothing of the request. */
export interface Excluded {
  /** Numbers of the recipients in their chunk, in order. */
  recipients: number[];
  /** Of the refusals. */
  code: string;
  /** Requests that were refused like this since the job was opened … */
  requests: number;
  /** … for the time that this counts. */
  opened: number;
}

/** What was excluded of a job so far; `undefined`: nothing. */
export function excludedOf({ steps }: Pick<JobRow, 'steps'>): Excluded | undefined {
  const step: Step | undefined = steps[EXCLUDED];
  return step?.status === 'done' ? (step.result as Excluded) : undefined;
}
