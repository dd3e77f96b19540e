import type { z } from 'zod';
import { commonEnv, parseEnv } from '../config';
import type { Declared } from './template/declared';

export type CommonConfig = z.infer<typeof commonEnv>;

/** What every function is configured by alike, read from the first one's environment. */
export function commonConfig({ functions: [first] }: Declared): CommonConfig {
  if (!first) throw new Error('template: declares no function');
  return parseEnv(commonEnv, first.environment);
}
