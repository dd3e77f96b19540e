import type { Command, Option } from './command';
import { optionsOf } from './commands';

/** Commands in the format of Serverless: a tree of words, each of ours with a lifecycle event for our hook. */
export interface CommandTree {
  [word: string]: Node & { commands: CommandTree };
}

interface Node {
  usage?: string;
  /** Serverless lists the commands below it. */
  type?: 'container';
  lifecycleEvents?: string[];
  options?: Record<string, Option>;
}

const RUN = 'run';

/** The tree of our commands, and of those of Serverless that get options of ours. A command comes before those below it. */
export function commandTree(
  commands: Record<string, Command>,
  extended: Record<string, Record<string, Option>>,
): CommandTree {
  const tree: CommandTree = {};
  const add = (name: string, node: Node) => {
    const [first = '', second] = name.split(' ');
    if (second === undefined) tree[first] = { ...node, commands: {} };
    else {
      tree[first] ??= { type: 'container', commands: {} };
      tree[first].commands[second] = { ...node, commands: {} };
    }
  };
  for (const [name, command] of Object.entries(commands))
    add(name, { usage: command.usage, lifecycleEvents: [RUN], options: optionsOf(command) });
  for (const [name, options] of Object.entries(extended)) add(name, { usage: '', options });
  return tree;
}

/** The name of the hook that runs a command. */
export const hookOf = (name: string): string => `${name.replaceAll(' ', ':')}:${RUN}`;

/**
 * Turns the word after a command into its option: `jobs show ID` becomes `jobs show --id ID`. Serverless would read ID as
 * part of the command. Changes `argv`, which Serverless reads after it has created its plugins.
 */
export function namePositionals(argv: string[], commands: Record<string, Command>): void {
  const [, , first = '', second = '', word = ''] = argv;
  const command = commands[`${first} ${second}`];
  if (command && 'id' in command.options && word !== '' && !word.startsWith('-')) argv.splice(4, 0, '--id');
}
