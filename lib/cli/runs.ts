import { alarmsRuns } from './alarms-run';
import { bulkRuns } from './bulk-runs';
import { campaignRuns } from './campaign-runs';
import type { Run } from './command';
import type { CommandName } from './commands';
import { consoleRun } from './console-run';
import { dlqRuns } from './dlq-runs';
import { helpRun } from './help-run';
import { instancesRuns } from './instances-runs';
import { jobsRuns } from './jobs-runs';

import { producerRuns } from './producer-runs';
import { queuesRuns } from './queues-runs';
import { reconcileRun } from './reconcile-run';
import { smokeRun } from './smoke-run';
import { testflightRuns } from './testflight-runs';
import { verifyRun } from './verify-run';

/** The code of each command. */
export const runs = {
  jobs: helpRun('jobs'),
  ...jobsRuns,
  ...queuesRuns,
  dlq: helpRun('dlq'),
  ...dlqRuns,
  bulk: helpRun('bulk'),
  ...bulkRuns,
  reconcile: reconcileRun,
  verify: verifyRun,
  smoke: smokeRun,
  alarms: helpRun('alarms'),
  ...alarmsRuns,
  campaign: helpRun('campaign'),
  ...campaignRuns,
  console: consoleRun,
  producer: helpRun('producer'),
  ...producerRuns,
  testflight: helpRun('testflight'),
  ...testflightRuns,
  ...instancesRuns,
} satisfies Record<CommandName, Run>;
