import type { LambdaFunctionURLEvent } from 'aws-lambda';
import { StoreError } from '../../errors';
import type { Log, Metrics } from '../../ports';
import { EMAILS_QUEUE } from '../message';
import { type EventDeps, takeEvents } from './take';
import { SIGNATURE_HEADER, type SignedRequest, TIMESTAMP_HEADER } from './verify';

export interface WebhookDeps extends EventDeps {
  verify: (request: SignedRequest) => 200 | 403 | 413;
  log: Log;
  metrics: Metrics;
}

export type WebhookRequest = Pick<LambdaFunctionURLEvent, 'body' | 'isBase64Encoded' | 'headers'>;

/** Answers one request to the webhook with a status. SendGrid repeats a request for a day if the status is not 2xx. */
export async function handleEvents(deps: WebhookDeps, request: WebhookRequest): Promise<{ statusCode: number }> {
  const { log, metrics } = deps;
  const body = Buffer.from(request.body ?? '', request.isBase64Encoded ? 'base64' : 'utf8');
  const verdict = deps.verify({
    body,
    signature: request.headers[SIGNATURE_HEADER],
    timestamp: request.headers[TIMESTAMP_HEADER],
  });
  if (verdict !== 200) {
    metrics.add('EmailEventsRefused', 1, 'Count', { queue: EMAILS_QUEUE });
    log.warn('a request to the event webhook was refused', { status: verdict, bytes: body.byteLength });
    return { statusCode: verdict };
  }
  const events = listOf(body);
  if (!events) return { statusCode: 400 };
  try {
    const { own, foreign } = await takeEvents(deps, events);
    if (foreign > 0) {
      metrics.add('EmailEventsForeign', foreign, 'Count', { queue: EMAILS_QUEUE });
      log.info('events of other instances ignored', { count: foreign });
    }
    for (const [queue, count] of own) {
      metrics.add('EmailEvents', count, 'Count', { queue });
      log.info('events taken', { queue, count });
    }
    return { statusCode: 204 };
  } catch (error) {
    log.error('events could not be stored', { code: error instanceof StoreError ? error.code : 'Unexpected' });
    return { statusCode: 503 };
  }
}

function listOf(body: Buffer): unknown[] | undefined {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    return Array.isArray(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
