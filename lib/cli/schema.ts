import type { Command, Option } from './command';

/** Commands in the format of Serverless: a tree of words, each with a lifecycle event for our hook. */
export interface CommandTree {
  [word: string]: {
    usage?: string;
    /** Serverless lists the commands below it. */
    type?: 'container';
    lifecycleEvents?: string[];
    options?: Record<string, Option>;
    commands: CommandTree;
  };
}

const RUN = 'run';

/** Builds the tree. */
export function commandTree(commands: Record<string, Command>): CommandTree {
  const tree: CommandTree = {};
  for (const [name, { usage, options }] of Object.entries(commands)) {
    const [first = '', second] = name.split(' ');
    const command = { usage, lifecycleEvents: [RUN], options, commands: {} };
    if (second === undefined) tree[first] = command;
    else {
      tree[first] ??= { type: 'container', commands: {} };
      tree[first].commands[second] = command;
    }
  }
  return tree;
}

interface Extension {
  usage: string;
  options: Record<string, Option>;
  commands: Record<string, Extension>;
}

/**
 * Adds options to commands of Serverless itself: to all these, and more to some of them. A command must come before its
 * subcommands.
 */
export function extensionTree(
  names: readonly string[],
  all: Record<string, Option>,
  some: Record<string, Record<string, Option>> = {},
): Record<string, Extension> {
  const tree: Record<string, Extension> = {};
  for (const name of names) {
    const [first = '', second] = name.split(' ');
    const options = { ...all, ...some[name] };
    if (second === undefined) tree[first] = { usage: '', options, commands: {} };
    else (tree[first]?.commands ?? {})[second] = { usage: '', options, commands: {} };
  }
  return tree;
}

/** The name of the hook that runs a command. */
export const hookOf = (name: string): string => `${name.replaceAll(' ', ':')}:${RUN}`;

/**
 * Turns the word after a command into its option: `jobs show ID` becomes `jobs show --id ID`. Serverless would read ID as
 * part of the command. Changes `argv`, which Serverless reads after it has created its plugins.
 */
export function namePositionals(argv: string[], commands: Record<string, Command>): void {
  for (const [name, { positional }] of Object.entries(commands)) {
    if (positional === undefined) continue;
    const words = name.split(' ');
    const at = 2 + words.length;
    const word = argv[at];
    if (word === undefined || word.startsWith('-') || words.some((own, index) => argv[2 + index] !== own)) continue;
    argv.splice(at, 0, `--${positional}`);
    return;
  }
}
