import { type Connection, findService, NOT_RUNNING } from '../local/connection';
import { connectFunctions, outcomes } from '../local/invoke-local';
import { deploymentProblems, plainSecrets } from './configuration';
import { dropSharedRole } from './roles';
import type { Serverless } from './serverless';

/** The project's part of the `sls` command: checks before a deployment, what it cleans out of the template, and where `invoke local` leads. */
export class Ops {
  readonly hooks: Record<string, () => void | Promise<void>>;

  constructor(serverless: Serverless, options: { data?: unknown }) {
    const aws = serverless.getProvider('aws');
    const refuse = (problems: string[], code: string) => {
      if (problems.length > 0) throw new serverless.classes.Error(problems.join('\n'), code);
    };
    let connection: Connection | undefined;
    this.hooks = {
      initialize: async () => {
        if (deploys(serverless.processedInput.commands))
          refuse(deploymentProblems(aws.getStage(), serverless.service), 'NOT_DEPLOYABLE');
        if (invokesHere(serverless.processedInput.commands) && aws.getStage() === 'local') {
          connection = await findService();
          if (!connection) throw new serverless.classes.Error(NOT_RUNNING, 'NOT_RUNNING');
          connectFunctions(connection, { functions: serverless.service.functions, env: process.env });
        }
      },
      'after:invoke:local:invoke': async () => {
        if (!connection) return;
        for (const line of await outcomes(connection, options.data)) process.stderr.write(`${line}\n`);
      },
      'before:package:initialize': () => refuse(plainSecrets(aws.getStage(), serverless.service), 'PLAIN_SECRET'),
      'before:package:finalize': () =>
        dropSharedRole(serverless.service.provider.compiledCloudFormationTemplate, aws.naming.getRoleLogicalId()),
    };
  }
}

/** `sls deploy` and `sls deploy function`, but not `sls deploy list`. */
const deploys = ([command, subcommand]: string[]): boolean => command === 'deploy' && subcommand !== 'list';

const invokesHere = ([command, subcommand]: string[]): boolean => command === 'invoke' && subcommand === 'local';
