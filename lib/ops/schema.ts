import type { Command, Option } from './command';

/** Commands as Serverless takes them: a tree by words, with a lifecycle event that a hook can be hung on. */
export interface CommandTree {
  [word: string]: {
    usage: string;
    lifecycleEvents: string[];
    options: Record<string, Option>;
    commands: CommandTree;
  };
}

const RUN = 'run';

/** The tree of commands that are named by their words, those above them first. */
export function commandTree(commands: Record<string, Command>): CommandTree {
  const tree: CommandTree = {};
  for (const [name, { usage, options = {} }] of Object.entries(commands)) {
    const words = name.split(' ');
    const last = words.pop() ?? '';
    const above = words.reduce((branch, word) => branch[word]?.commands ?? {}, tree);
    // Without an event of its own a command that others are below would print nothing.
    above[last] = { usage, lifecycleEvents: [RUN], options, commands: {} };
  }
  return tree;
}

/** The hook in which a command runs. */
export const hookOf = (name: string): string => `${name.replaceAll(' ', ':')}:${RUN}`;

/**
 * Gives a word behind a command's own the name of the option that it stands for: Serverless takes every word before
 * the first option for a part of the command. Changes `argv`, which Serverless reads only after its plugins are made.
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
