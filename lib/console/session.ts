import { isProduction } from '../target';
import type { ConsoleDeps } from './deps';
import type { Session } from './views';

/** What the page must know before it shows anything. */
export const sessionOf = ({ target, write, operator }: ConsoleDeps): Session => ({
  ...target,
  production: isProduction(target),
  local: target.stage === 'local',
  write,
  queues: [...operator.queueNames],
});
