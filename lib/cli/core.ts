import { S3Client } from '@aws-sdk/client-s3';
import { realObjects } from '../aws/objects';
import { chosenInstance } from '../instances/choose';
import { folderOf, stackName } from '../instances/deployed';
import { claimFolder } from '../jobs/folder-owner';
import { OperatorError } from '../ops/operator';
import { plannedChanges } from './change-set';
import type { Options } from './command';
import { GUARDED, READING } from './commands';
import { keepPauses } from './keep-pauses';
import { requireSamePlace } from './moves';
import { accountFindings } from './preflight';
import { confirmProduction, shown } from './run';
import type { Serverless } from './serverless';
import { namedTargetOf, requireOwnAccount, targetText } from './target';
import { terminal } from './terminal';

/**
 * Runs before each of Serverless's own commands. Names the deployment if the command calls AWS, checks the account, and asks
 * before it changes production.
 */
export async function beforeCore(serverless: Serverless, options: Options): Promise<void> {
  const command = serverless.processedInput.commands.join(' ');
  if (!READING.includes(command) && !(command in GUARDED)) return;
  await shown(async () => {
    const target = await namedTargetOf(serverless);
    terminal.note(targetText(target));
    requireOwnAccount(target, serverless);
    if (command.startsWith('rollback'))
      throw new OperatorError('A rollback skips the checks. Check out the earlier commit, and deploy it.');
    if (command === 'deploy') {
      const { problems, notes } = await accountFindings(chosenInstance(options), serverless);
      for (const note of notes) terminal.note(note);
      if (problems.length > 0) throw new OperatorError(problems.join('\n'));
    }
    if (command === 'deploy function') await requireSamePlace(chosenInstance(options), serverless);
    if (READING.includes(command) || options.plan) return;
    await confirmProduction(target, { options, out: terminal, removes: command === 'remove' });
  }, serverless);
}

/**
 * Runs when the service is packaged, before anything is deployed. `--plan` ends the command here, with what CloudFormation
 * would change. Otherwise claims the instance's folder.
 */
export async function beforeDeployment(serverless: Serverless, options: Options): Promise<void> {
  await shown(async () => {
    const instance = chosenInstance(options);
    const { name, file, bucket, prefix, region } = instance;
    const config = await serverless.getProvider('aws').getAwsSdkV3Config();
    const stack = stackName(instance);
    await keepPauses(serverless, await namedTargetOf(serverless), stack);
    if (options.plan === true) {
      const { compiledCloudFormationTemplate: template, stackTags: tags = {} } = serverless.service.provider;
      const lines = await plannedChanges({ stack, region, template, tags }, config);
      terminal.line(`The deployment of ${name} would:`);
      terminal.lines(lines.map((line) => `  ${line}`));
      return terminal.line('Nothing was changed.');
    }
    const objects = realObjects({ bucket, client: new S3Client(config) });
    if (!(await claimFolder(objects, { instance: name, prefix })))
      throw new OperatorError(`${file}: prefix: another instance has just claimed ${folderOf(instance)}`);
  }, serverless);
  if (options.plan === true) await endHere(serverless);
}

/** Ends the command of this `sls` call without an error, before it changes anything. */
async function endHere(serverless: Serverless): Promise<never> {
  // Serverless would report that the command is done.
  serverless.processedInput.commands = [];
  await serverless.pluginManager.spawn('aws:common:validate', { terminateLifecycleAfterExecution: true });
  throw new serverless.classes.Error('The command could not end here. Nothing was changed.', 'NOT_ENDED');
}
