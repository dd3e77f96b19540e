import { isProduction } from '../target';
import type { ConsoleDeps } from './deps';
import type { Session } from './views';

/** What the page must know before it shows anything. */
export const sessionOf = ({ target, write, deployment }: ConsoleDeps): Session => ({
  ...target,
  production: isProduction(target),
  local: target.stage === 'local',
  write,
  queues: [...deployment.queueNames],
});
