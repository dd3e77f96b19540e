import type { JobRow } from './row';

type Traced = Pick<JobRow, 'correlationId' | 'rootCorrelationId' | 'traceparent'>;

/** What the caller gave to follow a job through logs, records and vendors. Both ids are opaque and not personal. */
export function traceOf({ correlationId, rootCorrelationId = correlationId, traceparent }: Traced): {
  correlationId?: string;
  traceparent?: string;
} {
  return {
    ...(rootCorrelationId === undefined ? {} : { correlationId: rootCorrelationId }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/** The ids of `traceOf` for a log line. A chunk's line names its campaign too. */
export const traceFacts = (row: Traced): ReturnType<typeof traceOf> & { campaign?: string | undefined } => ({
  ...traceOf(row),
  ...(row.rootCorrelationId === undefined ? {} : { campaign: row.correlationId }),
});
