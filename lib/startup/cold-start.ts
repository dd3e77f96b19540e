import { ConfigError } from '../config/environment';
import { realLog } from '../log';
import type { Log } from '../ports';

/** A log for a function that could not read its configuration. */
export const unconfiguredLog = (): Log => realLog({ service: process.env.INSTANCE ?? 'unconfigured', level: 'INFO' });

/** Calls `start` once and keeps what it made. A failure is logged and thrown, and the next invocation starts again. */
export function coldStart<A extends unknown[], T>(start: (...args: A) => T): (...args: A) => T {
  let ready: T | undefined;
  return (...args) => {
    try {
      ready ??= start(...args);
      return ready;
    } catch (error) {
      const reason = error instanceof ConfigError ? error.message : 'the function could not start';
      unconfiguredLog().error(reason, { code: 'NotConfigured' });
      throw error;
    }
  };
}

/** The variable by which `sls invoke local` names the function. Its context has no ARN. */
export const LOCAL_ARN = 'LOCAL_FUNCTION_ARN';

/** Region and account of the invoked function, by its ARN. Throws a ConfigError if the invocation names no function. */
export function placeOf(functionArn = process.env[LOCAL_ARN]): { region: string; account: string } {
  const [, , , region, account] = functionArn?.split(':') ?? [];
  if (region === undefined || account === undefined)
    throw new ConfigError('the invocation names no function: sls invoke local runs this one on stage local only');
  return { region, account };
}
