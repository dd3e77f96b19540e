import type { Context } from 'aws-lambda';
import { ConfigError, parseEnv, reconcilerEnv } from '../config';
import { dlqName, queueName, queueUrl } from '../jobs/keys';
import { realLog } from '../log';
import type { ReconcileDeps } from '../reconcile/deps';
import { reconcile } from '../reconcile/reconcile';
import { realDeps } from './engine';
import { rhythmOf } from './rhythm';

export type ScheduleHandler = (
  event: unknown,
  context: Pick<Context, 'getRemainingTimeInMillis'> & Partial<Pick<Context, 'invokedFunctionArn'>>,
) => Promise<void>;

/** The Lambda handler of the reconciler. Where queues live follows from where the function itself does. */
export function reconcilerHandler(): ScheduleHandler {
  let ready: { deps: ReconcileDeps; stayMs: number; canaryMs: number } | undefined;
  return async (_event, context) => {
    try {
      ready ??= start(context.invokedFunctionArn);
    } catch (error) {
      const log = realLog({ service: process.env.INSTANCE ?? 'unconfigured', level: 'INFO' });
      log.error(error instanceof ConfigError ? error.message : 'the function could not start', {
        code: 'NotConfigured',
      });
      throw error;
    }
    const { deps, ...every } = ready;
    await reconcile(deps, { remainingMs: context.getRemainingTimeInMillis(), ...every });
  };
}

function start(functionArn: string | undefined): { deps: ReconcileDeps; stayMs: number; canaryMs: number } {
  const config = parseEnv(reconcilerEnv, process.env);
  if (functionArn === undefined)
    throw new ConfigError(
      'the invocation names no function (invoke local gives none); npm start runs the reconciler itself',
    );
  const [, , , region = '', account = ''] = functionArn.split(':');
  const deps = realDeps(config);
  const url = (name: string) => queueUrl(region, account, name);
  const reached: ReconcileDeps = {
    ...deps,
    queueNames: Object.keys(config.QUEUES),
    queueUrl: (queue) => url(queueName(config.INSTANCE, queue, deps.settings(queue).type)),
    dlqUrl: (queue) => url(dlqName(config.INSTANCE, queue, deps.settings(queue).type)),
  };
  return { deps: reached, ...rhythmOf(config) };
}
