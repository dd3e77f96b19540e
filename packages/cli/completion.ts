import type { Option } from './command';
import { commands, optionsOf } from './commands';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** A script that completes `npx ops`. It holds all words, so that a Tab starts no process. */
export function completion(shell: (typeof SHELLS)[number], common: Record<string, Option>): string[] {
  const all = Object.entries(commands).map(([name, command]) => ({
    name,
    usage: command.usage,
    options: Object.entries({ ...optionsOf(command), ...common }),
  }));
  const firsts = [...new Set(all.map(({ name }) => wordsOf(name)[0]))];
  const groups = firsts.map((first) => ({
    first,
    seconds: all.flatMap(({ name }) => (name.startsWith(`${first} `) ? wordsOf(name)[1] : [])),
  }));
  if (shell === 'fish') return fish(all, groups);
  // A command of one word comes after those that begin with it.
  const cases = all
    .toSorted((a, b) => wordsOf(b.name).length - wordsOf(a.name).length)
    .map(({ name, options }) => {
      const pattern = name.includes(' ') ? `"${name}"` : `"${name} "*`;
      return `      ${pattern}) next="${options.map(([option]) => `--${option}`).join(' ')}" ;;`;
    });
  const seconds = groups.flatMap(({ first, seconds }) =>
    seconds.length > 0 ? [`      ${first}) next="${seconds.join(' ')}" ;;`] : [],
  );
  const [word, at, add] =
    shell === 'bash'
      ? [
          (index: number) => `\${COMP_WORDS[${index}]}`,
          '$COMP_CWORD',
          'COMPREPLY=($(compgen -W "$next" -- "$current"))',
        ]
      : // The words of zsh count from one.
        [(index: number) => `\${words[${index + 1}]}`, '$((CURRENT - 1))', 'compadd -- $' + '{=next}'];
  return [
    `# source <(npx ops completion ${shell})`,
    '_background_ops() {',
    ...(shell === 'zsh' ? [`  [[ ${word(1)} == ops && ${at} -gt 1 ]] || { _default; return; }`] : []),
    ...(shell === 'bash' ? [`  [[ ${word(1)} == ops && ${at} -gt 1 ]] || return`] : []),
    `  local first="${word(2)}" second="${word(3)}" next=""`,
    `  local current="${shell === 'bash' ? word(0).replace('0', 'COMP_CWORD') : '$' + '{words[CURRENT]}'}"`,
    `  if [[ ${at} -eq 2 ]]; then`,
    `    next="${firsts.join(' ')} completion"`,
    `  elif [[ ${at} -eq 3 && $current != -* ]]; then`,
    '    case $first in',
    ...seconds,
    `      completion) next="${SHELLS.join(' ')}" ;;`,
    '    esac',
    '  else',
    '    case "$first $second" in',
    ...cases,
    '    esac',
    '  fi',
    `  ${add}`,
    '}',
    shell === 'bash' ? 'complete -o bashdefault -o default -F _background_ops npx' : 'compdef _background_ops npx',
  ];
}

const wordsOf = (name: string): string[] => name.split(' ');

interface Named {
  name: string;
  usage: string;
  options: [string, Option][];
}

function fish(all: Named[], groups: { first: string | undefined; seconds: (string | undefined)[] }[]): string[] {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const usageOf = (name: string) => all.find((each) => each.name === name)?.usage ?? 'Commands';
  return [
    '# npx ops completion fish | source',
    'function __background_ops_at',
    '    set -l words (commandline -opc)',
    '    test "$words[2]" = ops; and test "$words[3..4]" = "$argv[1]"',
    'end',
    'function __background_ops_in',
    '    set -l words (commandline -opc)',
    '    test "$words[2]" = ops; and string match -qr -- "^$argv[1]( -|\\$)" "$words[3..4]"',
    'end',
    ...groups.flatMap(({ first = '', seconds }) => [
      `complete -c npx -f -n '__background_ops_at ""' -a ${first} -d ${quoted(usageOf(first))}`,
      ...seconds.map(
        (second) =>
          `complete -c npx -f -n '__background_ops_at ${first}' -a ${second} -d ${quoted(usageOf(`${first} ${second}`))}`,
      ),
    ]),
    `complete -c npx -f -n '__background_ops_at ""' -a completion -d 'Print the completion of a shell'`,
    `complete -c npx -f -n '__background_ops_at completion' -a '${SHELLS.join(' ')}'`,
    ...all.flatMap(({ name, options }) =>
      options.map(
        ([option, { usage, type }]) =>
          `complete -c npx -n '__background_ops_in "${name}"' -l ${option}${type === 'string' ? ' -r' : ''} -d ${quoted(usage)}`,
      ),
    ),
  ];
}
