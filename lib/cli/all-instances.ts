import type { Instance } from '../instances/instance';
import { InstanceProblems } from '../instances/problems';
import { instanceNames, readInstance } from '../instances/read';
import { commonVariables } from '../instances/variables';
import { counted } from '../text';
import { type CommandContext, type Output, type Run, writesNow } from './command';
import { type Call, problemOf } from './run-command';
import type { Serverless } from './serverless';
import { targetText } from './target';

interface CallOfAll extends Omit<Call, 'connect'> {
  connect: (serverless: Serverless, out: Output) => ReturnType<Call['connect']>;
  root?: string;
}

/** What `--json` prints of one instance. */
interface View {
  instance: string;
  stage?: string;
  account?: string | undefined;
  region?: string;
  /** What the command alone prints. Absent if it failed. */
  result?: unknown;
  error?: string;
}

/**
 * Runs a command that only reads over the files of `instances/`, one after another. With `--stage`, over those of that
 * stage. The service on this machine is no deployment, so it is left out. An instance that fails stops no other one.
 * The exit code is 1 if one failed, and otherwise the highest of all.
 */
export async function runOverAll(run: Run, { root, ...call }: CallOfAll): Promise<void> {
  const { command, options, out } = call;
  const refusal = writesNow(command, options)
    ? '--all is for commands that only read. Name one instance with --param instance=NAME.'
    : ['param', 'watch'].flatMap((other) => (options[other] ? `--all takes no --${other}.` : []))[0];
  if (refusal !== undefined) throw new call.serverless.classes.Error(refusal, 'OPERATOR');
  const views: View[] = [];
  let highest = 0;
  for (const name of instanceNames(root)) {
    const read = readable(name, root);
    if ('instance' in read && !asked(read.instance, options.stage)) continue;
    if (views.length > 0 && !options.json) out.line();
    const { view, code } =
      'instance' in read ? await runOn(run, read.instance, call) : { view: unread(name, read.error, call), code: 1 };
    views.push(view);
    highest = Math.max(highest, code);
  }
  if (options.json) out.json({ instances: views });
  const failed = views.flatMap(({ instance, error }) => (error === undefined ? [] : [instance]));
  if (failed.length > 0)
    out.note(`${counted(failed.length, 'instance')} of ${views.length} failed: ${failed.join(', ')}.`);
  out.exitCode(failed.length > 0 ? 1 : highest);
}

const asked = ({ stage }: Instance, only: unknown): boolean => stage !== 'local' && stage === (only ?? stage);

function readable(name: string, root: string | undefined): { instance: Instance } | { error: string } {
  try {
    return { instance: readInstance(name, root) };
  } catch (error) {
    if (!(error instanceof InstanceProblems)) throw error;
    return { error: error.message };
  }
}

function unread(instance: string, error: string, { options, out }: Pick<Call, 'options' | 'out'>): View {
  if (!options.json) for (const text of [instance, error]) out.line(text);
  return { instance, error };
}

async function runOn(run: Run, instance: Instance, { connect, ...call }: Omit<CallOfAll, 'root'>) {
  const { name, stage, account = '', region } = instance;
  const view: View = { instance: name, stage, account, region };
  let code = 0;
  const json = call.options.json === true;
  const write = json ? call.out.note : call.out.line;
  write(targetText({ instance: name, stage, account, region }));
  const out: Output = {
    ...call.out,
    // The head is there already. The command's own one may have another account, and then its error says so.
    note: (text) => text.startsWith(`${name} · stage ${stage} `) || call.out.note(text),
    json: (value) => {
      if (json) view.result = value;
      else call.out.json(value);
    },
    exitCode: (given) => {
      code = Math.max(code, given);
    },
  };
  const serverless = serverlessOf(instance, call.serverless);
  const options: CommandContext['options'] = { ...call.options, param: `instance=${name}` };
  const error = await problemOf(run, {
    ...call,
    ...{ serverless, options, out },
    connect: () => connect(serverless, out),
  }).catch((unexpected: Error) => {
    call.out.note(unexpected.stack ?? '');
    return unexpected.message;
  });
  if (error === undefined) return { view, code };
  if (!json) call.out.line(error);
  return { view: { ...view, error }, code: 1 };
}

/**
 * Serverless as it would be with the parameter of this instance. It has no function's environment, so that a token in
 * this shell, which belongs to one client's vendor, goes to no other vendor.
 */
function serverlessOf(instance: Instance, serverless: Serverless): Serverless {
  const aws = serverless.getProvider('aws');
  const { account, region, stage } = instance;
  // Its other methods ask these two, for example for the credentials of a stage (AWS_PROD_PROFILE).
  const own: Partial<typeof aws> = { getStage: () => stage, getRegion: () => region };
  const { classes, processedInput, pluginManager, serviceDir, service } = serverless;
  const provider = { ...service.provider, environment: commonVariables(instance) };
  const custom = { instance: { account } };
  return {
    ...{ classes, processedInput, pluginManager, serviceDir },
    service: { service: service.service, provider, custom, functions: {} },
    getProvider: () => Object.assign(Object.create(aws) as typeof aws, own),
  };
}
