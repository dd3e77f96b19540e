import type { Context } from 'aws-lambda';
import { parseEnv } from '../lib/config/common';
import { reconcilerEnv } from '../lib/config/functions';
import { suppressionList } from '../lib/emails/suppression';
import { reconcile } from '../lib/reconcile/reconcile';
import { coldStart, publishedEvents, realDeps } from '../lib/startup/engine';
import { factTopic, rhythmOf } from '../lib/startup/reconciler';

/** A fact is over after this many runs without it, which is fifteen minutes. */
const OVER_AFTER_RUNS = 15;

const started = coldStart((functionArn: string) => {
  const config = parseEnv(reconcilerEnv, process.env);
  const base = realDeps(config, functionArn);
  const deps = {
    ...base,
    events: publishedEvents(config),
    queueNames: Object.keys(config.QUEUES),
    guard: config.GUARD,
    suppression: suppressionList(base),
    limits: config.SENDING_LIMITS,
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
