import type { Context } from 'aws-lambda';
import { reconcile } from '../lib/engine/reconcile/reconcile';
import { suppressionList } from '../lib/mail/suppression';
import { parseEnv } from '../lib/platform/config/common';
import { reconcilerEnv } from '../lib/queues/environments';
import { publishedOnly } from '../lib/queues/queues';
import { queueWorks } from '../lib/queues/works';
import { coldStart, publishedEvents, realDeps } from './startup/engine';
import { factTopic, rhythmOf } from './startup/reconciler';

/** A fact is over after this many runs without it, which is fifteen minutes. */
const OVER_AFTER_RUNS = 15;

const started = coldStart((functionArn: string) => {
  const config = parseEnv(reconcilerEnv, process.env);
  const base = realDeps(config, functionArn);
  const events = publishedEvents(config);
  const deps = {
    ...base,
    events: events && publishedOnly(events),
    queueNames: Object.keys(config.QUEUES),
    works: queueWorks({ guard: config.GUARD, suppression: suppressionList(base), limits: config.SENDING_LIMITS }),
    topic: {
      publish: factTopic(config, functionArn),
      overAfterMs: OVER_AFTER_RUNS * config.RECONCILE_EVERY * 1000,
      dlqDepth: (queue: string) => config.DLQ_DEPTHS[queue] ?? 1,
    },
  };
  return { deps, ...rhythmOf(config) };
});

export async function handler(_event: unknown, context: Context): Promise<void> {
  const { deps, ...every } = started(context.invokedFunctionArn);
  await reconcile(deps, { remainingMs: context.getRemainingTimeInMillis(), ...every });
}
