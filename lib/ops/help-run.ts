import type { Command, Run } from './command';
import { commands } from './commands';

/** What a word does that stands above other commands: it names them. */
export const helpRun =
  (word: string): Run =>
  async ({ out }) => {
    const below = Object.entries<Command>(commands).filter(([name]) => name.startsWith(`${word} `));
    const names = below.map(([name, command]) => `sls ${name}${given(command)}`);
    const width = Math.max(...names.map(({ length }) => length));
    for (const [index, [, { usage }]] of below.entries()) out.line(`${(names[index] ?? '').padEnd(width)}  ${usage}`);
    out.line(`Options: sls ${word} … --help. Stage and account are those of every sls command (--stage, --region).`);
  };

/** What must be given, as it is typed. */
const given = ({ options = {}, positional }: Command): string =>
  Object.entries(options)
    .filter(([, { required }]) => required)
    .map(([name]) => ` ${name === positional ? '' : `--${name} `}${name.toUpperCase()}`)
    .join('');
