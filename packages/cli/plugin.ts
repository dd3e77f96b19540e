import type { Option, Options } from './command';
import { commands, GUARDED, optionsOf } from './commands';
import type { Serverless, Template } from './target';

// A reader such as `head` closes the pipe once it has enough, also in the middle of Serverless's own --help.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

/** Our plugin for `sls`. Most of it is imported when it is needed, because AWS's clients take long to load. */
export class Ops {
  readonly commands = commandTree();
  readonly hooks: Record<string, () => void | Promise<void>>;

  constructor(serverless: Serverless, options: Options) {
    namePositionals(process.argv);
    const runs = Object.entries(commands).map(([name, command]) => [
      `${name.replaceAll(' ', ':')}:${RUN}`,
      () => run().runCommand({ name, command, serverless, options }),
    ]);
    this.hooks = {
      ...Object.fromEntries(runs),
      initialize: () => core().beforeCommand(serverless, options),
      'before:invoke:local:invoke': () => core().signEvent(serverless, options),
      'before:deploy:deploy': () => core().beforeDeployment(serverless, options),
      'before:package:finalize': () => {
        const sharedRole = serverless.getProvider('aws').naming.getRoleLogicalId();
        const template = serverless.service.provider.compiledCloudFormationTemplate;
        dropSharedRole(template, sharedRole);
        dropLogGroups(template);
      },
    };
  }
}

const run = () => require('./run') as typeof import('./run');
const core = () => require('./core') as typeof import('./core');

const RUN = 'run';

interface Node {
  usage?: string;
  type?: 'container';
  lifecycleEvents?: string[];
  options?: Record<string, Option>;
  commands: Record<string, Node>;
}

/** Our commands, and those of Serverless that get options of ours, as Serverless takes them: a tree of words. */
function commandTree(): Record<string, Node> {
  const tree: Record<string, Node> = {};
  const add = (name: string, node: Omit<Node, 'commands'>) => {
    const [first = '', second] = name.split(' ');
    if (second === undefined) tree[first] = { ...node, commands: {} };
    else {
      tree[first] ??= { type: 'container', commands: {} };
      tree[first].commands[second] = { ...node, commands: {} };
    }
  };
  for (const [name, command] of Object.entries(commands))
    add(name, { usage: command.usage, lifecycleEvents: [RUN], options: optionsOf(command) });
  for (const [name, options] of Object.entries(GUARDED)) add(name, { usage: '', options });
  return tree;
}

/** Changes `jobs show ID` in `argv` to `jobs show --id ID`. Serverless would read ID as part of the command. */
export function namePositionals(argv: string[]): void {
  const [, , first = '', second = '', word = ''] = argv;
  const command = Object.entries(commands).find(([name]) => name === `${first} ${second}`)?.[1];
  const name = command?.options.vendor?.required ? 'vendor' : 'id';
  if (command && name in command.options && word !== '' && !word.startsWith('-')) argv.splice(4, 0, `--${name}`);
}

/** Removes the shared role, which may poll every queue, once its copies are made, and each DependsOn a role (W3005). */
export function dropSharedRole(template: Template, sharedRole: string): void {
  delete template.Resources[sharedRole];
  const isRole = (id: string) => template.Resources[id]?.Type === 'AWS::IAM::Role' || id === sharedRole;
  for (const resource of Object.values(template.Resources)) {
    if (resource.DependsOn === undefined) continue;
    const others = [resource.DependsOn].flat().filter((id) => !isRole(id));
    if (others.length > 0) resource.DependsOn = others;
    else delete resource.DependsOn;
  }
}

/** The stack makes the log groups. A late call would make one again that was removed, without retention or key. */
export function dropLogGroups(template: Template): void {
  for (const { Type, Properties } of Object.values(template.Resources)) {
    if (Type !== 'AWS::IAM::Role') continue;
    const { Policies = [] } = Properties as { Policies?: { PolicyDocument: { Statement: { Action: unknown }[] } }[] };
    for (const each of Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement))
      if (Array.isArray(each.Action)) each.Action = each.Action.filter((action) => action !== 'logs:CreateLogGroup');
  }
}
