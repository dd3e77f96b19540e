import type { Clock, Log, Queues, Table } from '../ports';
import type { Discord } from '../vendors/discord';
import type { Place } from './embed';

/** What the alarms function reaches. */
export interface AlarmDeps extends Place {
  discord: Discord;
  table: Pick<Table, 'get'>;
  queues: Pick<Queues, 'send'>;
  /** URL of the queue of what could not be delivered. */
  undeliveredUrl: string;
  clock: Clock;
  log: Log;
}
