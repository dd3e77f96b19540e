import type { Context } from 'aws-lambda';
import { parseEnv } from '../config/environment';
import { reconcilerEnv } from '../config/reconciler';
import { dlqName, queueName, queueUrl } from '../jobs/keys';
import type { ReconcileDeps } from '../reconcile/deps';
import { reconcile } from '../reconcile/reconcile';
import { coldStart } from './cold-start';
import { realDeps } from './engine';
import { publishedEvents } from './events';
import { placeOf } from './function-arn';
import { noteDuration } from './metrics';
import { monitorOf } from './monitor';
import { rhythmOf } from './rhythm';

export type ScheduleHandler = (
  event: unknown,
  context: Pick<Context, 'getRemainingTimeInMillis'> & Partial<Pick<Context, 'invokedFunctionArn'>>,
) => Promise<void>;

/** The Lambda handler of the reconciler. The function's ARN gives the region and account of the queues. */
export function reconcilerHandler(): ScheduleHandler {
  const started = coldStart(start);
  return async (_event, context) => {
    const { config, deps, ...every } = started(context.invokedFunctionArn);
    const timeoutMs = context.getRemainingTimeInMillis();
    const begunAt = deps.clock.now();
    await reconcile(deps, { remainingMs: timeoutMs, ...every });
    await noteDuration(deps, config, { begunAt, timeoutMs });
  };
}

function start(functionArn: string | undefined) {
  const config = parseEnv(reconcilerEnv, process.env);
  const { region, account } = placeOf(functionArn);
  const deps = { ...realDeps(config), events: publishedEvents(config) };
  const url = (name: string) => queueUrl(region, account, name);
  const reached: ReconcileDeps = {
    ...deps,
    queueNames: Object.keys(config.QUEUES),
    queueUrl: (queue) => url(queueName(config.INSTANCE, queue, deps.settings(queue).type)),
    dlqUrl: (queue) => url(dlqName(config.INSTANCE, queue, deps.settings(queue).type)),
    monitor: monitorOf(config, { region, account }),
  };
  return { config, deps: reached, ...rhythmOf(config) };
}
