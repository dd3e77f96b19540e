import type { Command, Run } from './command';
import { commands } from './commands';

/** The run of a command group such as `sls jobs`. It lists the commands of the group. */
export const helpRun =
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
