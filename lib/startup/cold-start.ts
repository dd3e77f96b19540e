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
