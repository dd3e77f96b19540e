import * as z from 'zod';

/**
 * How a fake vendor fails, and for which requests. A request must match all given conditions. If several failures
 * match, the oldest one applies.
 */
export const failureSchema = z.strictObject({
  method: z.string().optional(),
  /** Part of the path, query included. */
  path: z.string().optional(),
  bodyContains: z.string().optional(),
  /** The number of requests that fail. The default is one. */
  times: z.union([z.number().int().min(1), z.literal('forever')]).optional(),

  /** The delay before anything else happens. */
  delayMs: z.number().min(0).optional(),
  /** Fails before the request takes effect: drop the connection, or never answer. */
  before: z.enum(['reset', 'hang']).optional(),
  /** Fails after the request took effect: drop the connection, never answer, cut the answer, or answer `status`. */
  after: z.enum(['reset', 'hang', 'cut', 'answer']).optional(),
  /** The status instead of the vendor's own. Without `after`, the request has no effect. */
  status: z.number().int().min(200).max(599).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** JSON, or text to send as it is. */
  body: z.unknown().optional(),
});

/** The part of a request that decides whether a failure applies. The path includes the query. */
interface RequestFacts {
  method: string;
  path: string;
  body: string;
}

/** What only the same process can order. */
export interface Failure extends z.infer<typeof failureSchema> {
  matches?: (request: RequestFacts) => boolean;
  /** Refuses all connections until the fake recovers. The other fields do not matter then. */
  down?: true;
}

/** The failures that have not happened yet. */
export type Failures = ReturnType<typeof failurePlan>;

export function failurePlan() {
  let planned: { failure: Failure; left: number }[] = [];
  return {
    add({ times = 1, ...failure }: Failure): void {
      planned.push({ failure: { times, ...failure }, left: times === 'forever' ? Infinity : times });
    },
    /** Returns the failure for this request and counts it. */
    take(request: RequestFacts): Failure | undefined {
      const met = planned.find(({ failure }) => matches(failure, request));
      if (met) met.left -= 1;
      planned = planned.filter(({ left }) => left > 0);
      return met?.failure;
    },
    pending: (): Failure[] => planned.map(({ failure }) => failure),
    clear(): void {
      planned = [];
    },
  };
}

const matches = (failure: Failure, { method, path, body }: RequestFacts): boolean =>
  (failure.method ?? method) === method &&
  path.includes(failure.path ?? '') &&
  body.includes(failure.bodyContains ?? '') &&
  (failure.matches?.({ method, path, body }) ?? true);
