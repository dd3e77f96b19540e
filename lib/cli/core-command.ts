import { StoreError } from '../errors';
import { chosenInstance } from '../instances/choose';
import { OperatorError } from '../ops/operator';
import { prepareDeployment } from './check';
import type { CommandContext } from './command';
import { GUARDED } from './commands';
import { confirmRemove, confirmWrite } from './confirm';
import { refuseLosses } from './refuse-losses';
import type { Serverless } from './serverless';
import { namedTargetOf, requireOwnAccount, targetText } from './target';
import { terminal } from './terminal';

/** Serverless's own commands that only read from AWS. */
const READING = ['deploy list', 'deploy list functions', 'info', 'logs', 'metrics'];

/**
 * Runs before each of Serverless's own commands. Names the deployment if the command calls AWS, and asks before it
 * changes production. Before a deployment it checks the account and claims the instance's folder.
 */
export async function beforeCore(serverless: Serverless, options: CommandContext['options']): Promise<void> {
  const command = serverless.processedInput.commands.join(' ');
  if (![...READING, ...GUARDED].includes(command)) return;
  await shown(serverless, async () => {
    const target = await namedTargetOf(serverless);
    terminal.note(targetText(target));
    requireOwnAccount(target, serverless);
    if (command === 'remove') await confirmRemove(target, { options, out: terminal });
    else if (GUARDED.includes(command)) await confirmWrite(target, { options, out: terminal });
    if (command === 'deploy') await prepareDeployment(chosenInstance(options), serverless);
  });
}

/** Runs before the first call of a deployment. Rejects if it would lose messages or rows. */
export async function beforeStack(serverless: Serverless): Promise<void> {
  const aws = serverless.getProvider('aws');
  await shown(serverless, async () =>
    refuseLosses(
      {
        stack: aws.naming.getStackName(),
        template: serverless.service.provider.compiledCloudFormationTemplate,
      },
      { config: await aws.getAwsSdkV3Config(), region: aws.getRegion(), account: await aws.getAccountId() },
    ),
  );
}

/** An expected error becomes an error of Serverless, which is shown without its stack. */
async function shown(serverless: Serverless, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof OperatorError || error instanceof StoreError)
      throw new serverless.classes.Error(error.message, 'OPERATOR');
    throw error;
  }
}
