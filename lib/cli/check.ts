import { S3Client } from '@aws-sdk/client-s3';
import { realObjects } from '../aws/objects';
import { folderOf } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import { claimFolder } from '../jobs/folder-owner';
import { jobsInStates, LISTED_STATES } from '../ops/find';
import { OperatorError } from '../ops/operator';
import { connect } from './connect';
import { type Findings, instanceFolder, preflight } from './preflight';
import type { Serverless } from './serverless';
import { terminal } from './terminal';

/** What AWS and the vendors show before a deployment of the instance. */
export async function accountProblems(instance: Instance, serverless: Serverless): Promise<Findings> {
  const aws = serverless.getProvider('aws');
  return preflight(instance, {
    config: await aws.getAwsSdkV3Config(),
    account: await aws.getAccountId(),
    liveJobs: async () => {
      const { reader } = await connect(serverless, terminal);
      const found = await Promise.all(
        // Also those of queues that the file no longer names.
        Object.keys(instance.known).map((queue) => jobsInStates(reader, { queue, states: LISTED_STATES, limit: 1 })),
      );
      return found.reduce((sum, { rows }) => sum + rows.length, 0);
    },
  });
}

/** Checks the account before a deployment. Rejects with an OperatorError that names every problem. */
export async function requireReady(instance: Instance, serverless: Serverless): Promise<void> {
  const { problems, notes } = await accountProblems(instance, serverless);
  for (const note of notes) terminal.note(note);
  if (problems.length > 0) throw new OperatorError(problems.join('\n'));
}

/** Claims the folder of the instance. Rejects with an OperatorError if another instance has just claimed it. */
export async function claimOwnFolder(instance: Instance, serverless: Serverless): Promise<void> {
  const client = new S3Client(await serverless.getProvider('aws').getAwsSdkV3Config());
  const objects = realObjects({ bucket: instance.bucket, client });
  const claimed = await claimFolder(objects, instanceFolder(instance)).finally(() => client.destroy());
  if (!claimed)
    throw new OperatorError(`${instance.file}: prefix: another instance has just claimed ${folderOf(instance)}`);
}
