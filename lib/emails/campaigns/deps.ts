import type { QueueSettings } from '../../config/common';
import type { Ledger } from '../../jobs/ledger';
import type { Clock, Log, Queues, Random, Table } from '../../ports';

/** What the release of campaigns needs. The reconciler calls it and provides all of it. */
export interface CampaignReleaseDeps {
  table: Table;
  clock: Clock;
  random: Random;
  ledger: Ledger;
  queues: Pick<Queues, 'send'>;
  log: Log;
  queueNames: readonly string[];
  queueUrl: (queue: string) => string;
  settings: (queue: string) => QueueSettings;
  /** Tells what is wrong with a campaign. `subject`: its id. */
  tell: (fact: {
    kind: 'campaign-paused' | 'campaign-expired' | 'events-missing';
    subject: string;
    code?: string | undefined;
    count?: number;
  }) => Promise<void>;
  share?: number;
}
