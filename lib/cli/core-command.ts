import { StoreError } from '../errors';
import { chosenInstance } from '../instances/choose';
import { OperatorError } from '../ops/operator';
import { prepareDeployment } from './check';
import type { CommandContext } from './command';
import { GUARDED } from './commands';
import { confirmWrite } from './confirm';
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
  try {
    const target = await namedTargetOf(serverless);
    terminal.note(targetText(target));
    requireOwnAccount(target, serverless);
    if (GUARDED.includes(command)) await confirmWrite(target, { options, out: terminal });
    if (command === 'deploy') await prepareDeployment(chosenInstance(options), serverless);
  } catch (error) {
    if (error instanceof OperatorError || error instanceof StoreError)
      throw new serverless.classes.Error(error.message, 'OPERATOR');
    throw error;
  }
}
