// A closed pipe ends the output of Serverless itself too, such as --help.
import './terminal';
import { chosenInstance } from '../instances/choose';
import type { CommandContext } from './command';
import { type CommandName, commands, GUARDED } from './commands';
import { deploymentProblems } from './configuration';
import type { runNamed } from './run-command';
import { commandTree, hookOf, namePositionals } from './schema';
import type { Serverless, Template } from './serverless';

/**
 * Our plugin for `sls`. It adds our commands, checks a stage before a deployment, and names the deployment before a
 * command reaches it. It removes the shared role from the template, and connects `invoke local` to the service on this
 * machine.
 */
export class Ops {
  readonly commands = commandTree(commands, GUARDED);
  readonly hooks: Record<string, () => void | Promise<void>>;

  constructor(serverless: Serverless, options: CommandContext['options']) {
    namePositionals(process.argv, commands);
    const aws = serverless.getProvider('aws');
    const refuse = (problems: string[], code: string) => {
      if (problems.length > 0) throw new serverless.classes.Error(problems.join('\n'), code);
    };
    const isLocal = () => aws.getStage() === 'local';
    this.hooks = {
      ...commandHooks(serverless, options),
      initialize: async () => {
        const instance = chosenInstance(options);
        const { functions } = serverless.service;
        if (deploys(serverless.processedInput.commands))
          refuse(deploymentProblems(instance, Object.keys(functions)), 'NOT_DEPLOYABLE');
        if (!isLocal()) return coreCommand().beforeCore(serverless, options);
        localStage().refuseWithoutStack(serverless);
        if (invokesHere(serverless.processedInput.commands)) await localStage().connectLocal(serverless);
      },
      'before:invoke:local:invoke': () => localStage().prepareEvent(serverless, options, Date.now()),
      'before:deploy:deploy': () => coreCommand().beforeDeployment(serverless, options),
      'before:package:finalize': () => {
        const { compiledCloudFormationTemplate: template } = serverless.service.provider;
        dropSharedRole(template, aws.naming.getRoleLogicalId());
      },
    };
  }
}

function commandHooks(serverless: Serverless, options: CommandContext['options']): Ops['hooks'] {
  // Loaded on first use, because the AWS clients would make every other command half a second slower.
  const load = () => require('./run-command') as { runNamed: typeof runNamed };
  const hooks = (Object.keys(commands) as CommandName[]).map(
    (name) => [hookOf(name), () => load().runNamed(name, serverless, options)] as const,
  );
  return Object.fromEntries(hooks);
}

/** Loaded on first use, as run-command.ts is. */
const coreCommand = () => require('./core-command') as typeof import('./core-command');
const localStage = () => require('./local-stage') as typeof import('./local-stage');

/** `sls deploy` and `sls deploy function`, but not `sls deploy list`. */
const deploys = ([command, subcommand]: string[]): boolean => command === 'deploy' && subcommand !== 'list';

const invokesHere = ([command, subcommand]: string[]): boolean => command === 'invoke' && subcommand === 'local';

/**
 * Removes the shared role from a compiled template. No function uses it, and it may poll every queue. The functions' own
 * roles are copies of it, so this runs after they are made. It also removes every DependsOn a role, which the reference
 * to that role already implies (cfn-lint W3005).
 */
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
