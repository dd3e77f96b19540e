import { z } from 'zod';

const times = z.union([z.number().int().min(1), z.literal('forever')]);

/**
 * How a fake vendor fails, and for which requests. All of `method`, `path` and `bodyContains` that are given must hold;
 * of the failures that match, the oldest is used.
 */
export const failureSchema = z.strictObject({
  method: z.string().optional(),
  /** Part of the path with its query. */
  path: z.string().optional(),
  bodyContains: z.string().optional(),
  /** How many requests; one where nothing is said. */
  times: times.optional(),

  /** Before anything else. */
  delayMs: z.number().min(0).optional(),
  /** Without taking effect: drop the connection, or never answer. */
  before: z.enum(['reset', 'hang']).optional(),
  /** Takes effect, then: drops the connection, never answers, breaks off inside the answer, or answers `status`. */
  after: z.enum(['reset', 'hang', 'cut', 'answer']).optional(),
  /** Instead of the vendor's own answer; without `after`, nothing has happened. */
  status: z.number().int().min(200).max(599).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** JSON, or text that is sent as it is. */
  body: z.unknown().optional(),

  /** Refuses all connections, whatever the rest says, until the failures are cleared. */
  down: z.literal(true).optional(),
});

export type FailureRule = z.infer<typeof failureSchema>;

export interface Failure extends FailureRule {
  /** For tests in the same process. */
  matches?: (request: RequestFacts) => boolean;
}

export interface RequestFacts {
  method: string;
  /** With its query. */
  path: string;
  body: string;
}

/** The failures that are still to come. */
export interface Failures {
  add(failure: Failure): void;
  /** The one that this request meets; counts it. */
  take(request: RequestFacts): Failure | undefined;
  pending(): Failure[];
  clear(): void;
}

export function failurePlan(): Failures {
  let planned: { failure: Failure; left: number }[] = [];
  return {
    add: (failure) => {
      planned.push({ failure, left: failure.times === 'forever' ? Number.POSITIVE_INFINITY : (failure.times ?? 1) });
    },
    take: (request) => {
      const met = planned.find(({ failure }) => matches(failure, request));
      if (!met) return undefined;
      met.left -= 1;
      if (met.left <= 0) planned = planned.filter((other) => other !== met);
      return met.failure;
    },
    pending: () => planned.map(({ failure }) => failure),
    clear: () => {
      planned = [];
    },
  };
}

const matches = (failure: Failure, { method, path, body }: RequestFacts): boolean =>
  (failure.method === undefined || failure.method === method) &&
  (failure.path === undefined || path.includes(failure.path)) &&
  (failure.bodyContains === undefined || body.includes(failure.bodyContains)) &&
  (failure.matches === undefined || failure.matches({ method, path, body }));
