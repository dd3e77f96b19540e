import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OperatorError } from '../../lib/operate/ops/operator';
import { nearestText } from '../../resources/instances/problems';
import { chosenInstance } from '../../resources/instances/read';
import type { Command, Option, Options } from './command';
import { commands, optionsOf } from './commands';
import { completion, SHELLS } from './completion';
import { namePositionals } from './plugin';
import { problemOf, runCommand } from './run';
import { serverlessOf } from './standalone';
import { tableText, terminal } from './terminal';

/** The options that each command of `sls` has, too. */
const COMMON = {
  stage: { usage: 'Stage, like staging or prod', type: 'string', short: 's' },
  param: { usage: 'instance=NAME selects instances/NAME.yml', type: 'string', multiple: true },
  region: { usage: 'Region, which must be that of the instance', type: 'string', short: 'r' },
  'aws-profile': { usage: 'Profile of the AWS credentials', type: 'string' },
  help: { usage: 'Show the options', type: 'boolean', short: 'h' },
} as const satisfies Record<string, Option & { short?: string; multiple?: true }>;

const COMPLETION = 'completion';

/** Runs `npx ops` with these words. An expected error is shown in words, and sets the exit code. */
export async function main(given: string[]): Promise<void> {
  try {
    await run(given);
  } catch (error) {
    terminal.note(problemOf(error));
    terminal.exitCode(1);
  }
}

async function run(given: string[]): Promise<void> {
  const argv = ['node', 'ops', ...given];
  namePositionals(argv);
  const words = argv.slice(2);
  const end = words.findIndex((word) => word.startsWith('-'));
  const named = end === -1 ? words : words.slice(0, end);
  if (named[0] === COMPLETION) return printCompletion(named[1]);
  const name = named.join(' ');
  const found = Object.entries(commands).find(([each]) => each === name);
  if (!found) return help(name);
  const [, command] = found;
  const options = optionsIn(name, command, words.slice(named.length));
  if (options.help === true) return terminal.lines(commandHelp(name, command));
  if (command.template) return throughServerless(given);
  for (const [option, { required }] of Object.entries(optionsOf(command)))
    if (required && !options[option]) throw new OperatorError(`--${option} is required.`);
  if (!existsSync('serverless.yml')) throw new OperatorError('Run it in the folder of serverless.yml.');
  const { 'aws-profile': profile } = options;
  if (typeof profile === 'string') process.env.AWS_PROFILE = profile;
  const instance = chosenInstance(options);
  readDotenv(instance.stage);
  await runCommand({ name, command, serverless: serverlessOf(instance, named), options });
}

/** The options of a command as Serverless gives them. Throws an OperatorError for one that the command does not have. */
export function optionsIn(name: string, command: Command, args: string[]): Options {
  const known = { ...COMMON, ...optionsOf(command) };
  const given = args.flatMap((arg) => /^--([^=]+)/.exec(arg)?.[1] ?? []);
  const wrong = given.find((option) => !(option in known));
  if (wrong !== undefined)
    throw new OperatorError(`ops ${name} has no option --${wrong}.${nearestText(wrong, Object.keys(known))}`);
  try {
    const options = Object.fromEntries(Object.entries(known).map(([option, { usage: _, ...of }]) => [option, of]));
    return parseArgs({ args, options }).values as Options;
  } catch (error) {
    if (!/^ERR_PARSE_ARGS/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new OperatorError(`ops ${name}: ${(error as Error).message} --help lists the options.`);
  }
}

/** Lists the commands that begin with a word. Throws an OperatorError for a command that does not exist. */
function help(name: string): void {
  const [first] = name.split(' ');
  const all = Object.entries(commands);
  const shown = name === '' ? all : all.filter(([each]) => each.startsWith(`${name} `));
  if (shown.length === 0) {
    const group = all.filter(([each]) => each.split(' ')[0] === first).map(([each]) => each);
    const near = nearestText(name, group.length > 0 ? group : all.map(([each]) => each));
    throw new OperatorError(`There is no command ${name}.${near}`);
  }
  terminal.lines([
    'npx ops COMMAND [ID] [options]. --help after a command lists its options.',
    '',
    ...tableText(
      ['COMMAND', ''],
      [
        ...shown.map(([each, { usage }]) => [each, usage]),
        ...(name === '' ? [[COMPLETION, `Print the completion of ${SHELLS.join(', ')}`]] : []),
      ],
    ),
  ]);
}

const commandHelp = (name: string, command: Command): string[] => [
  `npx ops ${name}: ${command.usage}`,
  '',
  ...tableText(
    ['OPTION', ''],
    Object.entries({ ...optionsOf(command), ...COMMON }).map(([option, { usage }]) => [`--${option}`, usage]),
  ),
];

function printCompletion(shell = ''): void {
  const script = SHELLS.find((each) => each === shell);
  if (!script) throw new OperatorError(`ops completion needs a shell: ${SHELLS.join(', ')}.`);
  terminal.lines(completion(script, { ...COMMON }));
}

/** Serverless takes settings of this machine from the same files. A variable that is set stays as it is. */
function readDotenv(stage: string): void {
  for (const file of [`.env.${stage}`, '.env']) if (existsSync(file)) process.loadEnvFile(file);
}

/** Lets Serverless run a command that needs the whole template. */
async function throughServerless(words: string[]): Promise<void> {
  const serverless = require.resolve('serverless/bin/serverless.js');
  const [code] = await once(spawn(process.execPath, [serverless, ...words], { stdio: 'inherit' }), 'exit');
  terminal.exitCode(typeof code === 'number' ? code : 1);
}
