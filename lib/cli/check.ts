import { S3Client } from '@aws-sdk/client-s3';
import { realObjects } from '../aws/objects';
import { folderOf, stackName } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import { linesOf } from '../instances/problems';
import { claimFolder } from '../jobs/folder-owner';
import { campaignsNotEnded } from '../ops/campaigns';
import { OperatorError, type Reader } from '../ops/operator';
import { searchJobs } from '../ops/search';
import { connect } from './connect';
import { type Findings, preflight } from './preflight';
import type { Serverless } from './serverless';
import { movesOf, readStack } from './stack';
import { namedTargetOf } from './target';
import { terminal } from './terminal';

export async function accountProblems(instance: Instance, serverless: Serverless): Promise<Findings> {
  const aws = serverless.getProvider('aws');
  return preflight(instance, {
    config: await aws.getAwsSdkV3Config(),
    account: (await namedTargetOf(serverless)).account,
    // The queues that its file no longer names count too.
    unfinished: async () => unfinished((await connect(serverless, terminal)).reader, Object.keys(instance.known)),
  });
}

/**
 * How many jobs and campaigns have not ended. At most one job of each queue is counted. A campaign counts for itself: its
 * first job ends when it begins, and its chunks become jobs only when they are released.
 */
export async function unfinished(reader: Reader, queues: readonly string[]): Promise<number> {
  // Its own names are those of the file, which may leave a deployed queue out.
  const asked = { ...reader, queueNames: queues };
  const [{ campaigns }, ...jobs] = await Promise.all([
    campaignsNotEnded(reader),
    ...queues.map(async (queue) => {
      for await (const { rows } of (await searchJobs(asked, { queue })).steps()) if (rows.length > 0) return 1;
      return 0;
    }),
  ]);
  return jobs.reduce((sum, one) => sum + one, campaigns.length);
}

/** Checks the account before a deployment. Rejects with an OperatorError that names every problem. */
export async function requireReady(instance: Instance, serverless: Serverless): Promise<void> {
  const { problems, notes } = await accountProblems(instance, serverless);
  for (const note of notes) terminal.note(note);
  if (problems.length > 0) throw new OperatorError(problems.join('\n'));
}

/**
 * Rejects with an OperatorError if the file names another folder than the deployed stack has, or not all of its queues. A
 * deployment of one function would take that function there, and leave the others.
 */
export async function requireSamePlace(instance: Instance, serverless: Serverless): Promise<void> {
  const config = await serverless.getProvider('aws').getAwsSdkV3Config();
  const { problems } = movesOf(instance, await readStack(config, stackName(instance)));
  if (problems.length === 0) return;
  const why = 'sls deploy function would change that for one function only. Nothing was changed. Use sls deploy.';
  throw new OperatorError([...linesOf(instance.file, problems), why].join('\n'));
}

export async function claimOwnFolder({ name, file, bucket, prefix }: Instance, serverless: Serverless): Promise<void> {
  const client = new S3Client(await serverless.getProvider('aws').getAwsSdkV3Config());
  if (!(await claimFolder(realObjects({ bucket, client }), { instance: name, prefix })))
    throw new OperatorError(`${file}: prefix: another instance has just claimed ${folderOf({ bucket, prefix })}`);
}
