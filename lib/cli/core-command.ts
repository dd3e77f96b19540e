import { chosenInstance } from '../instances/choose';
import { stackName } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import { isProduction } from '../target';
import { claimOwnFolder, requireReady, requireSamePlace, unfinishedOf } from './check';
import type { CommandContext } from './command';
import { GUARDED } from './commands';
import { confirmName, confirmWrite } from './confirm';
import { isDryRun } from './dry-run';
import { keepPauses, restorePauses } from './keep-pauses';
import { endsProtection } from './losses';
import { text } from './options';
import { deploymentPlan, endHere, removalPlan, rollbackPlan } from './plan';
import { refuseLosses, refuseRemoval } from './refuse-losses';
import { isExpected } from './run-command';
import type { Serverless, Template } from './serverless';
import { readTemplate } from './stack';
import { namedTargetOf, requireOwnAccount, targetOf, targetText } from './target';
import { terminal } from './terminal';

/** Serverless's own commands that only read from AWS. */
const READING = ['deploy list', 'deploy list functions', 'info', 'logs', 'metrics'];

/**
 * Runs before each of Serverless's own commands. Names the deployment if the command calls AWS, and asks before it
 * changes production. Before a deployment it checks the account.
 */
export async function beforeCore(serverless: Serverless, options: CommandContext['options']): Promise<void> {
  const command = serverless.processedInput.commands.join(' ');
  if (![...READING, ...GUARDED].includes(command)) return;
  await shown(serverless, async () => {
    const target = await namedTargetOf(serverless);
    terminal.note(targetText(target));
    requireOwnAccount(target, serverless);
    // These two ask later, below the list of what they change.
    if (command === 'deploy') return requireReady(chosenInstance(options), serverless);
    if (command === 'deploy function') await requireSamePlace(chosenInstance(options), serverless);
    if (command === 'rollback' || isDryRun(options)) return;
    const what = `removes ${target.instance} from production`;
    if (command === 'remove') await confirmName(target, { what, options, out: terminal });
    else if (GUARDED.includes(command)) await confirmWrite(target, { options, out: terminal });
  });
}

/**
 * Runs when the service is packaged, before anything is deployed. In production, and for a dry run, shows what changes.
 * Rejects if the deployment would lose messages or rows, or leave work behind. Asks before it changes production, and
 * claims the instance's folder.
 */
export async function beforeDeployment(serverless: Serverless, options: CommandContext['options']): Promise<void> {
  const { compiledCloudFormationTemplate: template } = serverless.service.provider;
  await shown(serverless, async () => {
    const dry = isDryRun(options);
    const instance = chosenInstance(options);
    const config = await serverless.getProvider('aws').getAwsSdkV3Config();
    if (dry || isProduction(instance)) {
      const plan = { template, folder: text(options, 'package') ?? '.serverless', config };
      show([`The deployment of ${instance.name} would:`, ...(await deploymentPlan(instance, plan))], dry);
    }
    await approve(instance, { next: template, serverless, options });
    if (!dry) await claimOwnFolder(instance, serverless);
  });
  if (isDryRun(options)) await endHere(serverless);
}

/** Runs just before Serverless compares and uploads the template, after the operator was asked. */
export const beforeUpload = (serverless: Serverless): Promise<void> => shown(serverless, () => keepPauses(serverless));

/** Runs after a deployment. If it fails, Serverless ends before this. */
export const afterDeployment = (serverless: Serverless, options: CommandContext['options']): Promise<void> =>
  shown(serverless, () => restorePauses(serverless, stackName(chosenInstance(options))));

/**
 * Runs before a roll-back to an earlier deployment. Shows what changes, rejects if messages or rows would be lost or work
 * left behind, and asks before it changes production. Without a timestamp the command only lists deployments.
 */
export async function beforeRollback(serverless: Serverless, options: CommandContext['options']): Promise<void> {
  const timestamp = text(options, 'timestamp');
  if (timestamp === undefined) return;
  await shown(serverless, async () => {
    const instance = chosenInstance(options);
    const config = await serverless.getProvider('aws').getAwsSdkV3Config();
    const { service } = serverless.service;
    const { lines, template } = await rollbackPlan(instance, { service, timestamp, config });
    show([`The roll-back of ${instance.name} would:`, ...lines], isDryRun(options));
    await approve(instance, { next: template, serverless, options });
  });
  if (isDryRun(options)) await endHere(serverless);
}

/** Runs after a roll-back. */
export async function afterRollback(serverless: Serverless, options: CommandContext['options']): Promise<void> {
  if (text(options, 'timestamp') === undefined) return;
  await shown(serverless, () => restorePauses(serverless, stackName(chosenInstance(options))));
}

/**
 * Runs before a stack is removed. Rejects while a queue of production that would be deleted has messages. A dry run ends
 * here, with the list of what would be removed.
 */
export async function beforeRemoval(serverless: Serverless, options: CommandContext['options']): Promise<void> {
  const dry = isDryRun(options);
  await shown(serverless, async () => {
    const instance = chosenInstance(options);
    const { deployed, ...account } = await deployedBefore(instance, serverless);
    if (dry) show([`The removal of ${instance.name} would:`, ...removalPlan(instance, deployed)], true);
    if (deployed && isProduction(instance)) await refuseRemoval(deployed, account);
  });
  if (dry) await endHere(serverless);
}

/**
 * Rejects if a deployment or roll-back to the template would lose something. Then asks before it changes production, and for
 * the instance's name if it takes the protection from queues or table.
 */
async function approve(
  instance: Instance,
  { next, serverless, options }: { next: Template; serverless: Serverless; options: CommandContext['options'] },
): Promise<void> {
  const { deployed, ...account } = await deployedBefore(instance, serverless);
  if (deployed)
    await refuseLosses({ deployed, next }, { ...account, unfinished: () => unfinishedOf(instance, serverless) });
  if (isDryRun(options)) return;
  const target = targetOf(serverless);
  const what = `ends the protection of queues or table of ${instance.name} in production, so that sls remove would delete them`;
  if (deployed && endsProtection(deployed, next)) await confirmName(target, { what, options, out: terminal });
  else await confirmWrite(target, { options, out: terminal });
}

/** The deployed template, if there is a stack, and the account that it is in. */
async function deployedBefore(instance: Instance, serverless: Serverless) {
  const aws = serverless.getProvider('aws');
  const [config, account] = await Promise.all([aws.getAwsSdkV3Config(), aws.getAccountId()]);
  return { config, account, region: aws.getRegion(), deployed: await readTemplate(config, stackName(instance)) };
}

function show(lines: string[], dry: boolean): void {
  const write = dry ? terminal.line : terminal.note;
  for (const line of lines) write(line);
  if (dry) write('Dry run. Nothing was changed.');
}

/** An expected error becomes an error of Serverless, which is shown without its stack. */
async function shown(serverless: Serverless, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw isExpected(error) ? new serverless.classes.Error(error.message, 'OPERATOR') : error;
  }
}
