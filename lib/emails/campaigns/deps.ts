import type { QueueSettings } from '../../config/common';
import type { Ledger } from '../../jobs/ledger';
import type { JobRow } from '../../jobs/row';
import type { Clock, Log, Metrics, Queues, Random, Table } from '../../ports';

/** What the release of campaigns needs. The reconciler calls it and provides all of it. */
export interface CampaignReleaseDeps {
  table: Table;
  clock: Clock;
  random: Random;
  ledger: Ledger;
  queues: Pick<Queues, 'send'>;
  log: Log;
  metrics: Metrics;
  queueNames: readonly string[];
  queueUrl: (queue: string) => string;
  settings: (queue: string) => QueueSettings;
  /** Sends a held chunk back to its queue. */
  release: (row: JobRow) => Promise<void>;
  /** Index entries to read at a time. */
  share?: number;
}
