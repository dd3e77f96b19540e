import type { Clock, Log, Queues, Table } from '../ports';
import type { Discord } from '../vendors/discord';
import type { Place } from './embed';

/** Everything that the alarms function calls. */
export interface AlarmDeps extends Place {
  discord: Discord;
  table: Pick<Table, 'get'>;
  undelivered: Pick<Queues, 'send'>;
  /** URL of the queue of undelivered alarms. */
  undeliveredUrl: string;
  clock: Clock;
  log: Log;
}
