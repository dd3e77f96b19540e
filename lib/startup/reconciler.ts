import { SNSClient } from '@aws-sdk/client-sns';
import type { Context } from 'aws-lambda';
import type * as z from 'zod';
import { clientDefaults, partitionOf } from '../aws/clients';
import { realTopic } from '../aws/events';
import { parseEnv } from '../config/common';
import { reconcilerEnv } from '../config/functions';
import { topicName } from '../jobs/keys';
import type { Topic } from '../reconcile/facts';
import { reconcile } from '../reconcile/reconcile';
import type { ReconcileDeps } from '../reconcile/run';
import { coldStart, placeOf, publishedEvents, realDeps } from './engine';

type Config = z.infer<typeof reconcilerEnv>;

/** The Lambda handler of the reconciler. The function's ARN gives the region and account of the queues. */
export function reconcilerHandler() {
  const started = coldStart(start);
  return async (
    _event: unknown,
    context: Pick<Context, 'getRemainingTimeInMillis'> & Partial<Pick<Context, 'invokedFunctionArn'>>,
  ): Promise<void> => {
    const { deps, ...every } = started(context.invokedFunctionArn);
    await reconcile(deps, { remainingMs: context.getRemainingTimeInMillis(), ...every });
  };
}

function start(functionArn: string | undefined) {
  const config = parseEnv(reconcilerEnv, process.env);
  const deps: ReconcileDeps = {
    ...realDeps(config, functionArn),
    events: publishedEvents(config),
    queueNames: Object.keys(config.QUEUES),
    guard: config.GUARD,
    limits: config.SENDING_LIMITS,
    topic: {
      publish: factTopic(config, functionArn),
      overAfterMs: OVER_AFTER_RUNS * config.RECONCILE_EVERY * 1000,
      dlqDepth: (queue) => config.DLQ_DEPTHS[queue] ?? 1,
    },
  };
  return { deps, ...rhythmOf(config) };
}

/** A fact is over after this many runs without it, which is fifteen minutes. */
const OVER_AFTER_RUNS = 15;

/** Publishes a fact on the topic of the alarms. */
export function factTopic({ INSTANCE }: Pick<Config, 'INSTANCE'>, functionArn: string | undefined): Topic['publish'] {
  const { region, account } = placeOf(functionArn);
  const arn = `arn:${partitionOf(region)}:sns:${region}:${account}:${topicName(INSTANCE)}`;
  const publish = realTopic(new SNSClient(clientDefaults), arn);
  return (fact) => publish({ subject: `${fact.fact} ${fact.subject}`, text: JSON.stringify(fact) });
}

/** A run must end this long before the next one is due. No chunk of a campaign is released in between. */
const GAP_MS = 2_000;

/** How long a run may stay for campaigns and held jobs, and the time between canaries. 0 means none. */
export function rhythmOf({ RECONCILE_EVERY, CANARY_EVERY }: Pick<Config, 'RECONCILE_EVERY' | 'CANARY_EVERY'>) {
  const everyMs = RECONCILE_EVERY * 1000;
  return {
    stayMs: Math.max(0, everyMs - GAP_MS),
    // Half a run less, so that a run which starts a moment early still counts.
    canaryMs: Math.max(0, (CANARY_EVERY - 0.5) * everyMs),
  };
}
