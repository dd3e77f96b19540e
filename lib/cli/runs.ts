import type { Run } from './command';
import { type CommandName, commands } from './commands';
import { helpRun } from './help-run';

type CommandsOf<Word extends string> = Extract<CommandName, `${Word} ${string}`>;

/** The code of the commands of a group, loaded when one of them runs. The code of all takes most of a second to load. */
function late<Word extends string>(
  word: Word,
  load: () => Record<CommandsOf<Word>, Run>,
): Record<CommandsOf<Word>, Run> {
  const names = Object.keys(commands).filter((name) => name.startsWith(`${word} `)) as CommandsOf<Word>[];
  const each = names.map((name): [string, Run] => [name, (context) => load()[name](context)]);
  return Object.fromEntries(each) as Record<CommandsOf<Word>, Run>;
}

const lateRun =
  (load: () => Run): Run =>
  (context) =>
    load()(context);

const instancesCode = () => (require('./instances-runs') as typeof import('./instances-runs')).instancesRuns;
const queuesCode = () => (require('./queues-runs') as typeof import('./queues-runs')).queuesRuns;

/** The code of each command. */
export const runs = {
  jobs: helpRun('jobs'),
  ...late('jobs', () => (require('./jobs-runs') as typeof import('./jobs-runs')).jobsRuns),
  queues: lateRun(() => queuesCode().queues),
  ...late('queues', queuesCode),
  verify: lateRun(() => (require('./verify-run') as typeof import('./verify-run')).verifyRun),
  alarms: helpRun('alarms'),
  ...late('alarms', () => (require('./alarms-run') as typeof import('./alarms-run')).alarmsRuns),
  campaign: helpRun('campaign'),
  ...late('campaign', () => (require('./campaign-runs') as typeof import('./campaign-runs')).campaignRuns),
  console: lateRun(() => (require('./console-run') as typeof import('./console-run')).consoleRun),
  producer: helpRun('producer'),
  ...late('producer', () => (require('./producer-runs') as typeof import('./producer-runs')).producerRuns),
  testflight: helpRun('testflight'),
  ...late('testflight', () => (require('./testflight-runs') as typeof import('./testflight-runs')).testflightRuns),
  check: lateRun(() => instancesCode().check),
  instances: lateRun(() => instancesCode().instances),
} satisfies Record<CommandName, Run>;
