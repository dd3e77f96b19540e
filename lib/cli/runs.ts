import type { Command, Run } from './command';
import { type CommandName, commands } from './commands';

/** The code of the commands by their first word, loaded when one of them runs. That of all takes most of a second to load. */
const code: Record<string, () => Partial<Record<CommandName, Run>>> = {
  jobs: () => (require('./jobs-runs') as typeof import('./jobs-runs')).jobsRuns,
  queues: () => (require('./queues-runs') as typeof import('./queues-runs')).queuesRuns,
  verify: () => ({ verify: (require('./verify-run') as typeof import('./verify-run')).verifyRun }),
  alarms: () => (require('./alarms-run') as typeof import('./alarms-run')).alarmsRuns,
  campaign: () => (require('./campaign-runs') as typeof import('./campaign-runs')).campaignRuns,
  console: () => ({ console: (require('./console-run') as typeof import('./console-run')).consoleRun }),
  producer: () => (require('./producer-runs') as typeof import('./producer-runs')).producerRuns,
  testflight: () => (require('./testflight-runs') as typeof import('./testflight-runs')).testflightRuns,
  check: () => (require('./instances-runs') as typeof import('./instances-runs')).instancesRuns,
  instances: () => (require('./instances-runs') as typeof import('./instances-runs')).instancesRuns,
};

/** The code of a command. A group such as `sls jobs` lists its commands. */
export function runOf(name: CommandName): Run {
  const [word = ''] = name.split(' ');
  return code[word]?.()[name] ?? listOf(word);
}

const listOf =
  (word: string): Run =>
  async ({ out }) => {
    const below = Object.entries<Command>(commands).filter(([name]) => name.startsWith(`${word} `));
    const names = below.map(([name, command]) => `sls ${name}${given(command)}`);
    const width = Math.max(...names.map(({ length }) => length));
    for (const [index, [, { usage }]] of below.entries()) out.line(`${(names[index] ?? '').padEnd(width)}  ${usage}`);
    out.line(
      `For options: sls ${word} … --help. Like all sls commands, these take --stage, --param instance=NAME and --region.`,
    );
  };

/** The required options as the user types them, and in brackets a word that may be left out. */
const given = ({ options = {}, positional }: Command): string =>
  Object.entries(options)
    .filter(([name, { required }]) => required || name === positional)
    .map(([name, { required }]) => {
      if (name === positional) return required ? ` ${name.toUpperCase()}` : ` [${name.toUpperCase()}]`;
      return ` --${name} ${name.toUpperCase()}`;
    })
    .join('');
