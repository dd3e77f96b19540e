import type { JobRow } from './row';

type Traced = Pick<JobRow, 'correlationId' | 'campaign' | 'traceparent'>;

/** What the caller gave to follow a job through logs, records and vendors. Both ids are opaque and not personal. */
export const traceOf = ({ correlationId, traceparent }: Traced): { correlationId?: string; traceparent?: string } => ({
  ...(correlationId === undefined ? {} : { correlationId }),
  ...(traceparent === undefined ? {} : { traceparent }),
});

/** The ids of `traceOf` for a log line. A chunk's line names its campaign too. */
export const traceFacts = (row: Traced): ReturnType<typeof traceOf> & { campaign?: string } => ({
  ...traceOf(row),
  ...(row.campaign === undefined ? {} : { campaign: row.campaign }),
});
