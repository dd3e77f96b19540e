import { realQueues, sqsClient } from '../../lib/aws/queues';
import { StoreError } from '../../lib/errors';
import { dlqName, queueName } from '../../lib/jobs/keys';
import { campaignsNotEnded } from '../../lib/ops/campaigns';
import { OperatorError, type Reader } from '../../lib/ops/operator';
import { listJobs } from '../../lib/ops/search';
import { folderOf, stackName } from '../../resources/instances/deployed';
import type { Instance } from '../../resources/instances/instance';
import { linesOf, type Problem } from '../../resources/instances/problems';
import type { AwsConfig, Serverless } from './serverless';
import { readStack } from './stack';

/** The old folder and queues that a deployment would leave behind. `left`: the URLs of those queues and their DLQs. */
async function movesOf(instance: Instance, config: AwsConfig): Promise<{ problems: Problem[]; left: string[] }> {
  const { Folder: deployed, ...outputs } = (await readStack(config, stackName(instance)))?.outputs ?? {};
  const kept = instance.rows.flatMap(({ name, type }) =>
    [queueName, dlqName].map((nameOf) => nameOf(instance.name, name, type)),
  );
  const left = Object.entries(outputs).flatMap(([key, url = '']) =>
    /(Queue|Dlq)Url$/.test(key) && !kept.includes(nameOf(url)) ? [url] : [],
  );
  const problems = left.map((url) => ({ path: 'queues', rule: `the deployed queue ${nameOf(url)} would be removed` }));
  const folder = folderOf(instance);
  if (deployed !== undefined && deployed !== folder)
    problems.push({ path: 'prefix', rule: `the folder would change from ${deployed} to ${folder}` });
  return { problems, left };
}

const nameOf = (url: string): string => url.split('/').at(-1) ?? '';

/** The moves that would leave bodies, lists or messages behind. `unfinished` is asked only if there is a move. */
export async function movedProblems(
  instance: Instance,
  { config, unfinished }: { config: AwsConfig; unfinished: () => Promise<number> },
): Promise<Problem[]> {
  const { problems, left } = await movesOf(instance, config);
  if (problems.length === 0) return [];
  const count = (await unfinished()) + (await messagesIn(left, config));
  if (count === 0) return [];
  const waiting = `while work has not ended (${count} or more). Wait until sls jobs list, sls campaign list and sls queues show none`;
  return problems.map(({ path, rule }) => ({ path, rule: `${rule} ${waiting}` }));
}

/** Rejects if the file moves the folder or a queue: a deployment of one function would leave the others behind. */
export async function requireSamePlace(instance: Instance, serverless: Serverless): Promise<void> {
  const { problems } = await movesOf(instance, await serverless.getProvider('aws').getAwsSdkV3Config());
  if (problems.length === 0) return;
  const why = 'sls deploy function would change that for one function only. Nothing was changed. Use sls deploy.';
  throw new OperatorError([...linesOf(instance.file, problems), why].join('\n'));
}

/** Unfinished work, at most one job of each queue. A campaign counts for itself: its first job ends when it begins. */
export async function unfinishedWork(reader: Reader, queues: readonly string[]): Promise<number> {
  // Its own names are those of the file, which may leave a deployed queue out.
  const asked = { ...reader, queueNames: queues };
  const { campaigns } = await campaignsNotEnded(reader);
  const jobs = await Promise.all(queues.map((queue) => listJobs(asked, { queue }, { limit: 0 })));
  return campaigns.length + jobs.filter(({ more }) => more).length;
}

/** Messages in queues by their URLs. A queue that is gone already has none. */
async function messagesIn(urls: readonly string[], config: AwsConfig): Promise<number> {
  const queues = realQueues(sqsClient(config));
  const depths = urls.map((url) =>
    queues.depth(url).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === 'SQS.QueueDoesNotExist') return { visible: 0, inFlight: 0 };
      throw error;
    }),
  );
  return (await Promise.all(depths)).reduce((sum, { visible, inFlight }) => sum + visible + inFlight, 0);
}
