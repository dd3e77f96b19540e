import { S3Client } from '@aws-sdk/client-s3';
import { readPause } from '../../lib/engine/jobs/items';
import { OperatorError } from '../../lib/operate/ops/operator';
import { realObjects } from '../../lib/platform/aws/objects';
import { StoreError } from '../../lib/platform/errors';
import { folderOf, stackName } from '../../resources/instances/instance';
import { chosenInstance } from '../../resources/instances/read';
import { connectFunctions, signedAsSendgrid } from '../local/connection';
import { findingsOf } from './check';
import type { Options } from './command';
import { GUARDED, READING, UNCHECKED } from './commands';
import { connect, requireService } from './connect';
import { claimFolder } from './preflight';
import { confirmProduction, problemOf } from './run';
import { deployedResources, plannedChanges } from './stack';
import { announce, type NamedTarget, namedTargetOf, type Serverless, targetOf } from './target';
import { terminal } from './terminal';

const NO_STACK =
  'The service on this machine has no stack: npm start prints its addresses and logs. Choose a deployment with --stage staging or prod.';

const onlyLocal = (stage: string): string =>
  `sls invoke local runs on stage local only, and ${stage} is another stage. Leave out --stage and --param.`;

/** Runs before each command. If one of Serverless's own calls AWS, it gets the checks and question that ours have. */
export async function beforeCommand(serverless: Serverless, options: Options): Promise<void> {
  const command = serverless.processedInput.commands.join(' ');
  const isLocal = serverless.getProvider('aws').getStage() === 'local';
  await ending(serverless, async () => {
    if (command === 'invoke local' && !isLocal) throw new OperatorError(onlyLocal(targetOf(serverless).stage));
    if (command === 'invoke local')
      return connectFunctions(await requireService(), serverless.service.functions, process.env);
    if (![...READING, ...UNCHECKED].includes(command) && !(command in GUARDED)) return;
    if (isLocal) throw new OperatorError(NO_STACK);
    if (UNCHECKED.includes(command))
      throw new OperatorError(`sls ${command} skips the checks. Check out the commit that you want, and deploy it.`);
    const target = () => namedTargetOf(serverless);
    if (command === 'deploy') {
      const instance = chosenInstance(options);
      const { problems } = await findingsOf(instance, { options, out: terminal, serverless, target });
      if (problems.length > 0) throw new OperatorError(problems.join('\n'));
    } else announce(await target(), serverless, terminal);
    if (READING.includes(command) || options.plan) return;
    await confirmProduction(targetOf(serverless), { options, out: terminal, removes: command === 'remove' });
  });
}

/** Lets an expected error end a command of Serverless, without a stack. */
const ending = (serverless: Serverless, run: () => Promise<void>): Promise<void> =>
  run().catch((error: unknown) => {
    throw new serverless.classes.Error(problemOf(error), 'OPERATOR');
  });

/** Signs an event of SendGrid for `sls invoke local` on stage local. Changes `options`. */
export function signEvent(serverless: Serverless, options: Options): void {
  if (serverless.getProvider('aws').getStage() === 'local')
    Object.assign(options, { data: signedAsSendgrid(options.data, Date.now()) });
}

/** Runs once the service is packaged. `--plan` ends here with what would change. Else claims the instance's folder. */
export async function beforeDeployment(serverless: Serverless, options: Options): Promise<void> {
  await ending(serverless, async () => {
    const instance = chosenInstance(options);
    const { name, file, bucket, prefix } = instance;
    const config = await serverless.getProvider('aws').getAwsSdkV3Config();
    const stack = stackName(instance);
    await keepPauses(serverless, await namedTargetOf(serverless), stack);
    if (options.plan === true) {
      const { compiledCloudFormationTemplate: template, stackTags: tags = {} } = serverless.service.provider;
      const lines = await plannedChanges({ stack, template, tags }, config);
      terminal.line(`The deployment of ${name} would:`);
      terminal.lines(lines.map((line) => `  ${line}`));
      return terminal.line('Nothing was changed.');
    }
    // The first deployment makes a key of its own later. This object names the instance only.
    const kmsKey = instance.kmsKey === 'own' ? undefined : instance.kmsKey;
    const objects = realObjects({ bucket, kmsKey, client: new S3Client(config) });
    if (!(await claimFolder(objects, prefix, name)))
      throw new OperatorError(
        `${file}: prefix: another instance has just claimed ${folderOf(instance)}, or a folder in or around it`,
      );
  });
  if (options.plan !== true) return;
  // Ends the command without an error, before it changes anything. Otherwise Serverless would report that it is done.
  serverless.processedInput.commands = [];
  await serverless.pluginManager.spawn('aws:common:validate', { terminateLifecycleAfterExecution: true });
  throw new serverless.classes.Error('The command could not end here. Nothing was changed.', 'NOT_ENDED');
}

/** Gives the template the deployed mappings of paused queues, which updates would enable. Rejects with a StoreError. */
export async function keepPauses(serverless: Serverless, target: NamedTarget, stack: string): Promise<void> {
  const deps = await connect(serverless, target, terminal);
  const { queueNames } = deps;
  const pauses = await Promise.all(queueNames.map((queue) => readPause(deps, queue))).catch((error: unknown) => {
    // The first deployment has no table yet.
    if (error instanceof StoreError && error.code === 'DynamoDB.ResourceNotFoundException') return [];
    throw error;
  });
  const paused = queueNames.filter((_, index) => pauses[index]);
  if (paused.length === 0) return;
  const deployed = await deployedResources(await serverless.getProvider('aws').getAwsSdkV3Config(), stack);
  const { compiledCloudFormationTemplate: next } = serverless.service.provider;
  for (const queue of paused) {
    // Serverless names a mapping after its function.
    const mappings = Object.entries(deployed).filter(([id]) => new RegExp(`^${queue}EventSourceMapping`, 'i').test(id));
    Object.assign(next.Resources, Object.fromEntries(mappings));
    terminal.note(`${queue} is paused and stays so. Its batch and concurrency change with the first deployment after.`);
  }
}
