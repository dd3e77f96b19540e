import { deploymentProblems, plainSecrets } from './configuration';
import { dropSharedRole } from './roles';
import type { Serverless } from './serverless';

/** The project's part of the `sls` command: checks before a deployment, and what it cleans out of the template. */
export class Ops {
  readonly hooks: Record<string, () => void>;

  constructor(serverless: Serverless) {
    const aws = serverless.getProvider('aws');
    const refuse = (problems: string[], code: string) => {
      if (problems.length > 0) throw new serverless.classes.Error(problems.join('\n'), code);
    };
    this.hooks = {
      initialize: () => {
        if (deploys(serverless.processedInput.commands))
          refuse(deploymentProblems(aws.getStage(), serverless.service), 'NOT_DEPLOYABLE');
      },
      'before:package:initialize': () => refuse(plainSecrets(aws.getStage(), serverless.service), 'PLAIN_SECRET'),
      'before:package:finalize': () =>
        dropSharedRole(serverless.service.provider.compiledCloudFormationTemplate, aws.naming.getRoleLogicalId()),
    };
  }
}

/** `sls deploy` and `sls deploy function`, but not `sls deploy list`. */
const deploys = ([command, subcommand]: string[]): boolean => command === 'deploy' && subcommand !== 'list';
