import type { JobRow } from './row';

/** What the caller gave to follow a job through logs, records and vendors. Both ids are opaque and not personal. */
export const traceOf = ({
  correlationId,
  traceparent,
}: Pick<JobRow, 'correlationId' | 'traceparent'>): { correlationId?: string; traceparent?: string } => ({
  ...(correlationId === undefined ? {} : { correlationId }),
  ...(traceparent === undefined ? {} : { traceparent }),
});
