import { ConfigError } from '../config/environment';

/** The variable by which `sls invoke local` names the function. Its context has no ARN. */
export const LOCAL_ARN = 'LOCAL_FUNCTION_ARN';

/** Region and account of the invoked function, by its ARN. Throws a ConfigError if the invocation names no function. */
export function placeOf(functionArn = process.env[LOCAL_ARN]): { region: string; account: string } {
  const [, , , region, account] = functionArn?.split(':') ?? [];
  if (region === undefined || account === undefined)
    throw new ConfigError('the invocation names no function: sls invoke local runs this one on stage local only');
  return { region, account };
}
