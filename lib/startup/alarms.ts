import type { Context, SNSEvent } from 'aws-lambda';
import { type AlarmDeps, notify } from '../alarms/notify';
import { realQueues } from '../aws/queues';
import { realSecret } from '../aws/secrets';
import { realClock, realRandom } from '../aws/system';
import { realTable } from '../aws/table';
import { alarmsEnv } from '../config/alarms';
import { parseEnv } from '../config/environment';
import { queueUrl, undeliveredName } from '../jobs/keys';
import { realLog } from '../log';
import { realDiscord } from '../vendors/discord';
import { coldStart } from './cold-start';
import { placeOf } from './function-arn';

export type AlarmsHandler = (
  event: SNSEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'> & Partial<Pick<Context, 'invokedFunctionArn'>>,
) => Promise<void>;

/** The Lambda handler of the alarm topic. It throws if a retry may help, because Lambda keeps the event and retries. */
export function alarmsHandler(): AlarmsHandler {
  const started = coldStart(start);
  return async (event, context) => {
    const deps = started(context.invokedFunctionArn);
    const remainingMs = () => context.getRemainingTimeInMillis();
    for (const { Sns } of event.Records) await notify(deps, Sns, { remainingMs });
  };
}

function start(functionArn: string | undefined): AlarmDeps {
  const config = parseEnv(alarmsEnv, process.env);
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
}
