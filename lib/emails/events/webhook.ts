import { StoreError } from '../../errors';
import type { Clock, Log, Metrics } from '../../ports';
import { type EventDeps, takeEvents } from './take';
import type { Verdict, WebhookRequest } from './verify';

export interface WebhookDeps extends EventDeps {
  verify: (request: WebhookRequest) => Verdict;
  log: Log;
  metrics: Metrics;
}

/**
 * Answers requests to the webhook with a status and no body. SendGrid repeats a request for a day if the status is not
 * 2xx. A refused request is counted and not logged.
 */
export function eventWebhook(deps: WebhookDeps): (request: WebhookRequest) => Promise<{ statusCode: number }> {
  const refused = refusalCounter(deps);
  return async (request) => {
    const verdict = deps.verify(request);
    if ('body' in verdict) return { statusCode: await take(deps, verdict.body) };
    refused();
    return { statusCode: verdict.status };
  };
}

async function take(deps: WebhookDeps, body: Buffer): Promise<204 | 400 | 503> {
  const { log, metrics } = deps;
  const events = listOf(body);
  if (!events) return 400;
  try {
    const { own, foreign } = await takeEvents(deps, events);
    if (foreign > 0) {
      log.info('events of other instances ignored', { count: foreign });
    }
    for (const [queue, count] of own) {
      metrics.add('EmailEvents', count, 'Count', {});
      log.info('events taken', { queue, count });
    }
    return 204;
  } catch (error) {
    log.error('events could not be stored', { code: error instanceof StoreError ? error.code : 'Unexpected' });
    return 503;
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

const MINUTE_MS = 60_000;

/**
 * Counts refused requests and adds their number to the metric at most once a minute. Anyone may call the URL, and CloudWatch
 * bills each line. The counts of the last minute are lost if no further request comes.
 */
function refusalCounter({ clock, metrics }: { clock: Clock; metrics: Metrics }): () => void {
  let count = 0;
  let nextAt = Number.NEGATIVE_INFINITY;
  return () => {
    count += 1;
    if (clock.now() < nextAt) return;
    metrics.add('EmailEventsRefused', count, 'Count', {});
    count = 0;
    nextAt = clock.now() + MINUTE_MS;
  };
}
