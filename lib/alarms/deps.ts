import type { Clock, Log, Queues, Table } from '../ports';
import type { Target } from '../target';
import type { Discord } from '../vendors/discord';

/** Everything that the alarms function calls. */
export interface AlarmDeps extends Target {
  discord: Discord;
  table: Pick<Table, 'get'>;
  queues: Pick<Queues, 'send'>;
  /** URL of the queue of undelivered alarms. */
  undeliveredUrl: string;
  clock: Clock;
  log: Log;
}
