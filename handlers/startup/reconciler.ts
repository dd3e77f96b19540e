import { SNSClient } from '@aws-sdk/client-sns';
import type * as z from 'zod';
import { topicName } from '../../lib/engine/jobs/keys';
import type { Topic } from '../../lib/engine/reconcile/facts';
import { clientDefaults, partitionOf } from '../../lib/platform/aws/clients';
import { realTopic } from '../../lib/platform/aws/events';
import type { reconcilerEnv } from '../../lib/queues/environments';
import { placeOf } from './engine';

type Config = z.infer<typeof reconcilerEnv>;

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
