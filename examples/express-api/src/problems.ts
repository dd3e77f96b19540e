import { STATUS_CODES } from 'node:http';
import {
  IdempotencyConflictError,
  InvalidJobError,
  JobNotFoundError,
  RepeatedCampaignError,
  StoreError,
} from 'background-jobs-producer';
import type { ErrorRequestHandler } from 'express';
import type { Log } from './log';

/** An answer that is an error, in the form of RFC 9457. `detail` names a rule and never quotes the request. */
export class Problem extends Error {
  override readonly name = 'Problem';

  constructor(
    readonly status: number,
    detail: string,
    readonly headers: Record<string, string> = {},
    readonly more: object = {},
  ) {
    super(detail);
  }
}

/** Where a request has each option of the producer, for callers who know only that. */
const PLACES: Record<string, string> = {
  'options.key': 'Idempotency-Key',
  'options.principal': 'Idempotency-Key',
  'options.correlationId': 'X-Correlation-Id',
  'options.traceparent': 'traceparent',
  'options.notBefore': 'notBefore',
};

/** A body can break a rule in each of its million characters. */
export const MOST_ERRORS = 100;

/** Fields as the caller knows them, each with its rule. */
export const errorsOf = (problems: InvalidJobError['problems']) =>
  problems.slice(0, MOST_ERRORS).map(({ field, message }) => ({
    field: (Object.hasOwn(PLACES, field) && PLACES[field]) || field,
    detail: message.replace(`${field}: `, ''),
  }));

/** What a caller may know about an error. Anything unknown is a 500 without details. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof InvalidJobError) {
    return new Problem(400, 'the request is not valid', {}, { errors: errorsOf(error.problems) });
  }
  if (error instanceof IdempotencyConflictError || error instanceof RepeatedCampaignError)
    return new Problem(409, error.message, { location: `/jobs/${error.id}` }, { job: error.id });
  if (error instanceof JobNotFoundError) return new Problem(404, error.message);
  if (error instanceof StoreError)
    return new Problem(503, 'try again with the same Idempotency-Key', { 'retry-after': '1' });
  return ofExpress(error) ?? new Problem(500, 'the request failed for a reason on our side');
}

/** Express and its body parser throw errors with a status. Their messages may quote the request. */
function ofExpress(error: unknown): Problem | undefined {
  const { status, type, limit } = (error ?? {}) as { status?: unknown; type?: unknown; limit?: unknown };
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
  if (type === 'entity.too.large') return new Problem(413, `the body must be at most ${String(limit)} bytes`);
  if (type === 'entity.parse.failed') return new Problem(400, 'the body is not JSON');
  return new Problem(status, status === 415 ? 'the body must be JSON in UTF-8' : 'the request is not well-formed');
}

/** Answers every error as problem+json. Logs ours by name and code, or place, because messages may be personal. */
export function problems(log: Log): ErrorRequestHandler {
  return (error: unknown, _request, response, _next) => {
    const problem = problemOf(error);
    const { status, message: detail, headers, more } = problem;
    if (status >= 500)
      log('failed', {
        error: error instanceof Error ? error.name : typeof error,
        ...(error instanceof StoreError ? { code: error.code } : { at: placeOf(error) }),
      });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.status(status).set(headers).type('application/problem+json');
    response.send(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail, ...more }));
  };
}

const placeOf = (error: unknown): string | undefined =>
  error instanceof Error ? error.stack?.match(/^ +at .*$/m)?.[0].trim() : undefined;
