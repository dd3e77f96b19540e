import type { ItemDeps } from '../jobs/ledger';
import type { Log, Queues } from '../ports';
import type { Discord } from '../vendors/discord';
import type { Place } from './embed';

/** Everything that the alarms function calls. */
export interface AlarmDeps extends Place, ItemDeps {
  discord: Discord;
  undelivered: Pick<Queues, 'send'>;
  /** URL of the queue of undelivered alarms. */
  undeliveredUrl: string;
  log: Log;
}
