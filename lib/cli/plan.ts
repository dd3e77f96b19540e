import { stackName } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import { deployedCode, packagedCode } from './deployed-code';
import { differenceLines, differenceOf } from './difference';
import type { AwsConfig, Serverless, Template } from './serverless';
import { readStack, readTemplate } from './stack';

/** What `sls deploy` would change in the account, a line for each resource. `folder`: what `sls package` wrote. */
export async function deploymentPlan(
  instance: Instance,
  { template, folder, config }: { template: Template; folder: string; config: AwsConfig },
): Promise<string[]> {
  const deployed = await deployedTemplate(instance, config);
  const lines = differenceLines(differenceOf(deployed, await packagedCode(template, folder)));
  return lines.length > 0 ? lines : ['  nothing'];
}

/** What `sls remove` would change in the account, a line for each resource. */
export async function removalPlan({ bucket, prefix, ...of }: Instance, config: AwsConfig): Promise<string[]> {
  const deployed = await readTemplate(config, stackName(of));
  if (!deployed) return ['  nothing, because there is no such stack'];
  const kept = `  keep all objects of ${bucket}/${prefix}/`;
  return [kept, ...differenceLines(differenceOf(deployed, { Resources: {} }))];
}

async function deployedTemplate(instance: Instance, config: AwsConfig): Promise<Template | undefined> {
  const name = stackName(instance);
  const [template, stack] = await Promise.all([readTemplate(config, name), readStack(config, name)]);
  const bucket = stack?.outputs.ServerlessDeploymentBucketName;
  return template && bucket ? deployedCode(template, { config, bucket }) : template;
}

/** Ends the command of this `sls` call without an error, before it changes anything. */
export async function endHere(serverless: Serverless): Promise<never> {
  // Serverless would report that the command is done.
  serverless.processedInput.commands = [];
  await serverless.pluginManager.spawn('aws:common:validate', { terminateLifecycleAfterExecution: true });
  throw new serverless.classes.Error('The dry run could not end the command. Nothing was changed.', 'DRY_RUN');
}
