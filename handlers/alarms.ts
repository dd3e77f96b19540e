import type { Context, SNSEvent } from 'aws-lambda';
import { queueUrl, undeliveredName } from '../lib/engine/jobs/keys';
import { realDiscord } from '../lib/operate/alarms/discord';
import { type AlarmDeps, notify } from '../lib/operate/alarms/notify';
import { realQueues } from '../lib/platform/aws/queues';
import { realSecret } from '../lib/platform/aws/secrets';
import { realClock, realRandom } from '../lib/platform/aws/system';
import { realTable } from '../lib/platform/aws/table';
import { parseEnv } from '../lib/platform/config/common';
import { alarmsEnv } from '../lib/platform/config/functions';
import { realLog } from '../lib/platform/log';
import { coldStart, placeOf } from './startup/engine';

const started = coldStart((functionArn: string): AlarmDeps | undefined => {
  const config = parseEnv(alarmsEnv, process.env);
  if (config.DISCORD_WEBHOOK_URL === undefined) return undefined;
  const { region, account } = placeOf(functionArn);
  return {
    instance: config.INSTANCE,
    stage: config.STAGE,
    region,
    runbook: config.RUNBOOK ?? '',
    discord: realDiscord({ url: realSecret(config.DISCORD_WEBHOOK_URL) }),
    table: realTable({ table: config.TABLE }),
    queues: Object.keys(config.QUEUES),
    undelivered: realQueues(),
    undeliveredUrl: queueUrl(region, account, undeliveredName(config.INSTANCE)),
    clock: realClock,
    random: realRandom,
    log: realLog({ service: config.INSTANCE, level: config.LOG_LEVEL }),
  };
});

/** It throws if a retry may help, because Lambda keeps the event and retries. */
export async function handler(event: SNSEvent, context: Context): Promise<void> {
  const deps = started(context.invokedFunctionArn);
  const remainingMs = () => context.getRemainingTimeInMillis();
  if (deps) for (const { Sns } of event.Records) await notify(deps, Sns, { remainingMs });
}
