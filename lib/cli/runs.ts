import type { Run } from './command';
import type { CommandName } from './commands';

/** The code of the commands by their first word, loaded when one of them runs. That of all takes most of a second to load. */
const code: Record<string, () => Partial<Record<CommandName, Run>>> = {
  jobs: () => (require('./jobs-runs') as typeof import('./jobs-runs')).jobsRuns,
  queues: () => (require('./queues-runs') as typeof import('./queues-runs')).queuesRuns,
  verify: () => (require('./verify-run') as typeof import('./verify-run')).verifyRuns,
  campaign: () => (require('./campaign-runs') as typeof import('./campaign-runs')).campaignRuns,
  testflight: () => (require('./testflight-runs') as typeof import('./testflight-runs')).testflightRuns,
  ...over(
    ['check', 'instances'],
    () => (require('./instances-runs') as typeof import('./instances-runs')).instancesRuns,
  ),
  ...over(
    ['alarms', 'console', 'producer'],
    () => (require('./service-runs') as typeof import('./service-runs')).serviceRuns,
  ),
};

function over<T>(words: readonly string[], load: T): Record<string, T> {
  return Object.fromEntries(words.map((word) => [word, load]));
}

export function runOf(name: CommandName): Run {
  const [word = ''] = name.split(' ');
  const run = code[word]?.()[name];
  if (!run) throw new Error(`sls ${name} has no code`);
  return run;
}
