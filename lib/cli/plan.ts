import { stackName } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import { OperatorError } from '../ops/operator';
import { deployedCode, earlierTemplate, packagedCode } from './deployed-code';
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
export function removalPlan({ bucket, prefix }: Instance, deployed: Template | undefined): string[] {
  if (!deployed) return ['  nothing, because there is no such stack'];
  const kept = `  keep all objects of ${bucket}/${prefix}/`;
  return [kept, ...differenceLines(differenceOf(deployed, { Resources: {} }))];
}

/**
 * What `sls rollback` would change in the account, a line for each resource, and the template of that earlier deployment.
 * `timestamp` is in milliseconds or ISO 8601. Rejects with an OperatorError if no deployment has it.
 */
export async function rollbackPlan(
  instance: Instance,
  { service, timestamp, config }: { service: string; timestamp: string; config: AwsConfig },
): Promise<{ lines: string[]; template: Template }> {
  const [deployed, bucket] = await Promise.all([
    deployedTemplate(instance, config),
    deploymentBucket(instance, config),
  ]);
  const at = new Date(/^\d+$/.test(timestamp) ? Number(timestamp) : timestamp);
  const valid = !Number.isNaN(at.getTime());
  const folder = valid && `serverless/${service}/${instance.stage}/${at.getTime()}-${at.toISOString()}`;
  const template = folder && bucket ? await earlierTemplate(folder, { config, bucket }) : undefined;
  if (!template || !bucket)
    throw new OperatorError(`There is no deployment with the timestamp ${timestamp}. sls deploy list shows them.`);
  const lines = differenceLines(differenceOf(deployed, await deployedCode(template, { config, bucket })));
  return { lines: lines.length > 0 ? lines : ['  nothing'], template };
}

async function deployedTemplate(instance: Instance, config: AwsConfig): Promise<Template | undefined> {
  const [template, bucket] = await Promise.all([
    readTemplate(config, stackName(instance)),
    deploymentBucket(instance, config),
  ]);
  return template && bucket ? deployedCode(template, { config, bucket }) : template;
}

const deploymentBucket = async (instance: Instance, config: AwsConfig): Promise<string | undefined> =>
  (await readStack(config, stackName(instance)))?.outputs.ServerlessDeploymentBucketName;

/** Ends the command of this `sls` call without an error, before it changes anything. */
export async function endHere(serverless: Serverless): Promise<never> {
  // Serverless would report that the command is done.
  serverless.processedInput.commands = [];
  await serverless.pluginManager.spawn('aws:common:validate', { terminateLifecycleAfterExecution: true });
  throw new serverless.classes.Error('The dry run could not end the command. Nothing was changed.', 'DRY_RUN');
}
