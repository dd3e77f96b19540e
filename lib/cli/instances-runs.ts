import { StoreError } from '../errors';
import { chosenInstance } from '../instances/choose';
import { settingsHash, stackName } from '../instances/deployed';
import type { Instance } from '../instances/instance';
import { instanceNames, readInstance } from '../instances/read';
import { OperatorError } from '../ops/operator';
import { timeText } from '../text';
import { accountProblems } from './check';
import type { Run } from './command';
import { deploymentProblems } from './configuration';
import { hasFailed, sendCanaries, showCanaries } from './live-check';
import type { Findings } from './preflight';
import type { Serverless } from './serverless';
import { readStack } from './stack';
import { tableText } from './text';

export const instancesRuns = {
  check: async (context) => {
    const { options, out, serverless } = context;
    const instance = chosenInstance(options);
    const local = instance.stage === 'local';
    // The service on this machine needs no deployment.
    const isOnlyLive = local && options.live === true;
    const asked = local ? { problems: [], notes: [] } : await askedOfAws(instance, serverless);
    const problems = isOnlyLive ? [] : [...deploymentProblems(instance, []), ...asked.problems];
    for (const note of asked.notes) out.note(note);
    if (options.json) {
      const canaries = options.live === true && problems.length === 0 ? await sendCanaries(context) : undefined;
      out.json({ problems, notes: asked.notes, ...(canaries && { canaries }) });
      if (problems.length > 0 || canaries?.some(hasFailed)) out.exitCode(1);
      return;
    }
    if (problems.length > 0) throw new OperatorError(problems.join('\n'));
    if (!isOnlyLive) out.line(`${instance.file} can be deployed.`);
    if (options.live === true) showCanaries(context, await sendCanaries(context));
  },

  instances: async ({ options, out, serverless }) => {
    const account = await serverless
      .getProvider('aws')
      .getAccountId()
      .catch(() => undefined);
    if (account === undefined) out.note('AWS does not accept these credentials, so only the files are shown.');
    const views = await Promise.all(instanceNames().map((name) => viewOf(readInstance(name), { account, serverless })));
    if (options.json) return out.json({ instances: views });
    const cells = views.map(({ name, stage, region, folder, queues, version, at, settings }) =>
      [name, stage, region, folder, queues.join(' '), version, at, settings].map((text) => text ?? ''),
    );
    const head = ['INSTANCE', 'STAGE', 'REGION', 'FOLDER', 'QUEUES', 'VERSION', 'DEPLOYED (UTC)', 'SETTINGS'];
    out.lines(tableText(head, cells));
  },
} satisfies Record<string, Run>;

/** Without credentials, the problems of the file are shown all the same. */
const askedOfAws = (instance: Instance, serverless: Serverless): Promise<Findings> =>
  accountProblems(instance, serverless).catch((error: unknown) => {
    if (!(error instanceof OperatorError)) throw error;
    return { problems: [error.message], notes: [] };
  });

/** The file, and what is deployed of it. `settings`: whether the deployed ones are those of the file. */
async function viewOf(instance: Instance, asked: Asked) {
  const { name, stage, region, bucket, prefix, rows } = instance;
  const file = { name, stage, region, folder: `${bucket}/${prefix}`, queues: rows.map((row) => row.name) };
  return { ...file, ...(await deployedOf(instance, asked)) };
}

interface Asked {
  account: string | undefined;
  serverless: Serverless;
}

async function deployedOf(
  instance: Instance,
  { account, serverless }: Asked,
): Promise<{ version?: string | undefined; at?: string; settings: string }> {
  if (instance.stage === 'local') return { settings: 'npm start' };
  if (account === undefined) return { settings: 'unknown' };
  if (account !== instance.account) return { settings: `unknown (account ${instance.account})` };
  try {
    const config = { ...(await serverless.getProvider('aws').getAwsSdkV3Config()), region: instance.region };
    const stack = await readStack(config, stackName(instance));
    if (!stack) return { settings: 'not deployed' };
    const { Version: version, SettingsHash } = stack.outputs;
    const settings = SettingsHash === settingsHash(instance) ? 'as in the file' : 'differ from the file';
    return { version, at: timeText(stack.at?.getTime()), settings };
  } catch (error) {
    if (error instanceof StoreError) return { settings: `unknown (${error.code})` };
    throw error;
  }
}
