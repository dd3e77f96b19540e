import { chosenInstance } from '../instances/choose';
import { stackName } from '../instances/deployed';
import { OperatorError } from '../ops/operator';
import { plannedChanges } from './change-set';
import { claimOwnFolder, requireReady, requireSamePlace } from './check';
import type { CommandContext } from './command';
import { GUARDED, READING } from './commands';
import { keepPauses } from './keep-pauses';
import { confirmProduction, isExpected } from './run-command';
import type { Serverless } from './serverless';
import { namedTargetOf, requireOwnAccount, targetText } from './target';
import { terminal } from './terminal';

/**
 * Runs before each of Serverless's own commands. Names the deployment if the command calls AWS, checks the account, and asks
 * before it changes production.
 */
export async function beforeCore(serverless: Serverless, options: CommandContext['options']): Promise<void> {
  const command = serverless.processedInput.commands.join(' ');
  if (!READING.includes(command) && !(command in GUARDED)) return;
  await shown(serverless, async () => {
    const target = await namedTargetOf(serverless);
    terminal.note(targetText(target));
    requireOwnAccount(target, serverless);
    if (command.startsWith('rollback'))
      throw new OperatorError('A rollback skips the checks. Check out the earlier commit, and deploy it.');
    if (command === 'deploy') await requireReady(chosenInstance(options), serverless);
    if (command === 'deploy function') await requireSamePlace(chosenInstance(options), serverless);
    if (READING.includes(command) || options.plan) return;
    await confirmProduction(target, { options, out: terminal, removes: command === 'remove' });
  });
}

/**
 * Runs when the service is packaged, before anything is deployed. `--plan` ends the command here, with what CloudFormation
 * would change. Otherwise claims the instance's folder.
 */
export async function beforeDeployment(serverless: Serverless, options: CommandContext['options']): Promise<void> {
  const plan = options.plan === true;
  await shown(serverless, async () => {
    const instance = chosenInstance(options);
    const stack = stackName(instance);
    await keepPauses(serverless, stack);
    if (!plan) return claimOwnFolder(instance, serverless);
    const { compiledCloudFormationTemplate: template, stackTags: tags = {} } = serverless.service.provider;
    const config = await serverless.getProvider('aws').getAwsSdkV3Config();
    const lines = await plannedChanges({ stack, region: instance.region, template, tags }, config);
    terminal.line(`The deployment of ${instance.name} would:`);
    for (const line of lines) terminal.line(`  ${line}`);
    terminal.line('Nothing was changed.');
  });
  if (plan) await endHere(serverless);
}

/** An expected error becomes an error of Serverless, which is shown without its stack. */
async function shown(serverless: Serverless, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw isExpected(error) ? new serverless.classes.Error(error.message, 'OPERATOR') : error;
  }
}

/** Ends the command of this `sls` call without an error, before it changes anything. */
async function endHere(serverless: Serverless): Promise<never> {
  // Serverless would report that the command is done.
  serverless.processedInput.commands = [];
  await serverless.pluginManager.spawn('aws:common:validate', { terminateLifecycleAfterExecution: true });
  throw new serverless.classes.Error('The command could not end here. Nothing was changed.', 'NOT_ENDED');
}
