import { jobKey } from '../../lib/engine/jobs/keys';
import { sendCanary } from '../../lib/engine/reconcile/measure';
import { outcomesOf } from '../../lib/operate/ops/many';
import { OperatorError, stateOf } from '../../lib/operate/ops/operator';
import { mapEach } from '../../lib/platform/concurrency';
import { StoreError } from '../../lib/platform/errors';
import { counted, timeText } from '../../lib/platform/text';
import { folderOf, type Instance, stackName } from '../../resources/instances/instance';
import { InstanceProblems, linesOf } from '../../resources/instances/problems';
import { chosenInstance, instanceNames, readInstance } from '../../resources/instances/read';
import { type Command, type CommandContext, JSON_OUTPUT } from './command';
import type { Findings } from './preflight';
import { announce, type Serverless } from './target';
import { tableText } from './terminal';

export const checks = {
  check: {
    usage: 'Check account, bucket, secrets and folder before a deployment',
    offline: true,
    writes: 'live',
    options: {
      live: {
        usage: 'After a deployment: also a canary through each queue, and a call to each vendor',
        type: 'boolean',
      },
      json: JSON_OUTPUT,
    },
    run: async (context) => {
      const { options, answer } = context;
      const instance = chosenInstance(options);
      const { problems, notes } = await findingsOf(instance, context);
      const isLive = options.live === true && problems.length === 0;
      const canaries = isLive ? await sendCanaries(context) : [];
      const cells = canaries.map(({ queue, id, state, seconds }) => [queue, id, state, seconds?.toFixed(1) ?? '']);
      const vendors = isLive ? await vendorAnswers(context) : [];
      const rows = vendors.map(({ vendor, said }) => [vendor, said]);
      answer({ problems, notes, canaries, vendors }, [
        ...(instance.stage === 'local' || problems.length > 0 ? [] : [`${instance.file} can be deployed.`]),
        ...tableText(['QUEUE', 'ID', 'STATE', 'SECONDS'], cells),
        ...tableText(['VENDOR', 'ANSWER'], rows),
      ]);
      if (problems.length > 0) throw new OperatorError(problems.join('\n'));
      const [failed, ...more] = canaries.filter(({ state }) => state !== 'succeeded');
      if (failed)
        throw new OperatorError(
          `${counted(1 + more.length, 'canary', 'canaries')} did not succeed in two minutes: sls logs -f ${failed.queue} --startTime 10m`,
        );
      const silent = vendors.filter(({ works }) => !works).map(({ vendor, said }) => `${vendor}: ${said}`);
      if (silent.length > 0) throw new OperatorError(silent.join('\n'));
    },
  },

  instances: {
    usage: 'List the instance files and their deployments',
    offline: true,
    options: { json: JSON_OUTPUT },
    run: async ({ out, answer, serverless }) => {
      const { accountId: account } = await serverless
        .getProvider('aws')
        .getAccountInfo()
        .catch(() => ({ accountId: undefined }));
      if (account === undefined) out.note('AWS does not accept these credentials, so only the files are shown.');
      const views = await Promise.all(instanceNames().map((name) => viewOf(name, account, serverless)));
      const cells = views.map(({ name, stage, region, folder, queues, version, deployedAt, state }) => [
        ...[name, stage, region, folder, queues.join(' '), version],
        ...[deployedAt && timeText(Date.parse(deployedAt)), state],
      ]);
      const head = ['INSTANCE', 'STAGE', 'REGION', 'FOLDER', 'QUEUES', 'VERSION', 'DEPLOYED (UTC)', 'STATE'];
      answer({ instances: views }, tableText(head, cells));
      const problems = views.flatMap((view) => view.problems);
      for (const problem of problems) out.note(problem);
      if (problems.length > 0) out.exitCode(1);
    },
  },
} satisfies Record<string, Command>;

/**
 * Shows which deployment it is about, and what stops no deployment. Without credentials, it still finds the problems of
 * the file. The service on this machine needs no deployment.
 */
export async function findingsOf(
  instance: Instance,
  { options, out, serverless, target: namedTarget }: Pick<CommandContext, 'options' | 'out' | 'serverless' | 'target'>,
): Promise<Findings> {
  const problems = instance.stage === 'local' && options.live ? [] : deploymentProblems(instance);
  try {
    const target = await namedTarget();
    announce(target, serverless, out);
    if (instance.stage === 'local') return { problems, notes: [] };
    const { accountFindings } = require('./preflight') as typeof import('./preflight');
    const inAccount = await accountFindings(instance, serverless, target);
    for (const note of inAccount.notes) out.note(note);
    return { problems: [...problems, ...inAccount.problems], notes: inAccount.notes };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { problems: [...problems, error.message], notes: [] };
  }
}

/** The reasons why an instance cannot be deployed, a line each. Empty: it can be deployed. Asks nothing of AWS. */
export function deploymentProblems(instance: Instance): string[] {
  if (instance.stage === 'local')
    return ['stage local is the service on this machine (npm start): deploy with --stage staging or prod'];
  const { known: _known, ...settings } = instance;
  const problems = texts(settings).flatMap(({ path, text }) => {
    if (EXAMPLE.some((pattern) => pattern.test(text))) return { path, rule: 'still holds the value of the example' };
    // A vendor's key would travel in the clear.
    return path.endsWith('.endpoint') && /^http:/i.test(text) ? { path, rule: 'must begin with https://' } : [];
  });
  return linesOf(instance.file, problems);
}

/** Values of the examples under instances/. None of them can work. */
const EXAMPLE = [
  /^0{12}$/,
  /^0{8}-0000-4000-8000-0{11}[01]$/,
  /^ABCDE12345$/,
  /^team-bucket(-staging)?$/,
  /\bexample\b/,
  /^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/,
];

function texts(value: unknown, path = ''): { path: string; text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => texts(child, path === '' ? key : `${path}.${key}`));
}

const AT_ONCE = 8;
/** A cold start with a full batch before it takes far less. */
const LONGEST_MS = 120_000;

/** Waits for the ends of a canary in each queue: a job that the worker claims and ends without work or vendor calls. */
async function sendCanaries({ out, connect, audited }: CommandContext) {
  const deps = await connect();
  await audited();
  const sent = await mapEach(deps.queueNames, AT_ONCE, async (queue) => {
    const id = deps.random.uuid();
    await sendCanary(deps, queue, { id, at: deps.clock.now() });
    return { queue, id, key: jobKey(queue, id) };
  });
  out.note(`${counted(sent.length, 'canary', 'canaries')} sent.`);
  const rows = await outcomesOf(deps, sent, { withinMs: LONGEST_MS });
  return sent.map(({ queue, id, key }) => {
    const row = rows.find((one) => one.key === key);
    const { endedAt, sentAt = row?.createdAt } = row ?? {};
    const seconds = endedAt === undefined || sentAt === undefined ? undefined : (endedAt - sentAt) / 1000;
    return { queue, id, state: row ? stateOf(row) : 'no row', seconds };
  });
}

/** What the vendors of all functions answer. On this machine they are the fakes of the running service. */
async function vendorAnswers({ serverless }: CommandContext) {
  const { askVendors } = require('./vendors') as typeof import('./vendors');
  const env = Object.assign({}, ...Object.values(serverless.service.functions).map(({ environment }) => environment));
  const aws = serverless.getProvider('aws');
  if (aws.getStage() !== 'local') return askVendors(env, await aws.getAwsSdkV3Config());
  const { requireService } = require('./connect') as typeof import('./connect');
  const { localConfig, vendorVariables } = require('../local/connection') as typeof import('../local/connection');
  const service = await requireService();
  return askVendors({ ...env, ...vendorVariables(service, env) }, localConfig(service.aws));
}

/** An instance for `sls instances`. A file that breaks a rule is a line like any other, with its problems. */
async function viewOf(name: string, account: string | undefined, serverless: Serverless) {
  let instance: Instance;
  try {
    instance = readInstance(name);
  } catch (error) {
    if (!(error instanceof InstanceProblems)) throw error;
    const none = { stage: '', region: '', folder: '', queues: [], version: '', deployedAt: '' };
    return { name, ...none, state: 'the file is not valid', problems: error.lines };
  }
  const { stage, region, rows } = instance;
  const file = { name, stage, region, folder: folderOf(instance), queues: rows.map((row) => row.name) };
  const view = (state: string, version = '', at?: Date) => ({
    ...file,
    version,
    deployedAt: at?.toISOString() ?? '',
    state,
    problems: [] as string[],
  });
  if (stage === 'local') return view('npm start');
  if (account !== instance.account) return view(`unknown (account ${instance.account})`);
  const { readStack } = require('./stack') as typeof import('./stack');
  try {
    const config = { ...(await serverless.getProvider('aws').getAwsSdkV3Config()), region };
    const stack = await readStack(config, stackName(instance));
    if (!stack) return view('not deployed');
    return view('deployed', stack.outputs.Version, stack.at);
  } catch (error) {
    if (error instanceof StoreError) return view(`unknown (${error.code})`);
    throw error;
  }
}
