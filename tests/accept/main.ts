import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs, promisify } from 'node:util';
import { isProduction } from '../../lib/platform/target';
import type { Options } from '../../packages/cli/command';
import { connect, requireService } from '../../packages/cli/connect';
import { terminal } from '../../packages/cli/terminal';
import type { Endpoints } from '../../packages/local/connection';
import { ACCOUNT, LOCAL_CREDENTIALS } from '../../packages/local/loopback';
import { realProducer } from '../../packages/producer/real-producer';
import { verified } from '../../packages/verify/instance';
import { type Instance, producerSettingsOf } from '../../resources/instances/instance';
import { chosenInstance } from '../../resources/instances/read';
import { textOf } from '../month/page';
import { environmentOf } from '../support/instances';
import { fakeServerless } from '../support/serverless';
import { accept, STEPS } from './accept';
import { arrivals, planText, type Soak, soak } from './soak';

const USAGE = `usage: npm run accept -- --param instance=NAME [--rate 10] [--seconds 60] [--only STEP]… [--out FILE]
       npm run accept -- --param instance=NAME --hours 2 [--times 1] [--vendors DOMAIN] [--yes] [--out FILE]
steps: ${Object.keys(STEPS).join(', ')}`;

/** Lambda stops receiving from a paused queue within a minute. */
const PAUSE_MS = 60_000;
const LOCAL_PAUSE_MS = 3_000;
const JOB_MS = 300_000;

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      ...{ param: { type: 'string', multiple: true }, stage: { type: 'string' }, out: { type: 'string' } },
      ...{ rate: { type: 'string', default: '10' }, seconds: { type: 'string', default: '60' } },
      only: { type: 'string', multiple: true },
      ...{ hours: { type: 'string' }, times: { type: 'string', default: '1' }, vendors: { type: 'string' } },
      yes: { type: 'boolean', default: false },
    },
  });
  const instance = chosenInstance(values);
  if (isProduction(instance)) throw new Error(`${instance.file} is of production. Accept a staging.`);
  const { rate, seconds, only, out } = values;
  const load = { rate: Number(rate), seconds: Number(seconds) };
  const isKnown = !only || only.every((name) => name in STEPS);
  if (!(load.rate > 0 && load.rate <= 1_000 && load.seconds > 0 && load.seconds <= 3_600) || !isKnown)
    throw new Error(USAGE);

  const asked = values.hours === undefined ? undefined : soakOf(values, instance);

  const signal = terminal.interrupted();
  const { name, stage, region, account = ACCOUNT, hashKey } = instance;
  const local = stage === 'local' ? await requireService() : undefined;
  const producer = realProducer({
    ...{ instance: name, region, settings: producerSettingsOf(instance, account) },
    ...(local && { endpoints: endpointsOf(local), credentials: LOCAL_CREDENTIALS }),
  });
  try {
    // The parts of Serverless that the connection of our commands reads. AWS's SDK finds the credentials itself.
    const environment = environmentOf(instance);
    const serverless = fakeServerless({ stage, region, hashKey, environment, config: { region } });
    const target = { instance: name, stage, region, account, by: 'npm run accept' };
    const deps = await connect(serverless, target, terminal);
    const title = `Acceptance of ${name} (${stage}, ${region}), ${new Date().toISOString()}`;
    const chosen = local ? ['--stage', stage] : ['--param', `instance=${name}`];
    terminal.line(title);
    const context = {
      ...{ deps, producer, waits: { pauseMs: local ? LOCAL_PAUSE_MS : PAUSE_MS, jobMs: JOB_MS } },
      sls: (words: string, options: Options) =>
        run('npx', ['sls', ...words.split(' '), ...wordsOf(options), ...chosen]),
    };
    const verify = async (hours: { from: number; to: number }) => (await verified(deps.source, hours)).findings;
    if (asked) return await soaked({ ...context, verify }, { asked, signal, yes: values.yes, out });
    const page = await accept(
      { ...context, load, conformance: () => conformance(instance) },
      { title, say: terminal.line, signal, ...(only && { only }) },
    );
    if (out !== undefined) writeFileSync(out, page.text);
    return page.ok;
  } finally {
    await producer.close();
  }
}

function soakOf({ hours, times, vendors }: Record<string, unknown>, { sender }: Instance): Soak {
  const numbers = { hours: Number(hours), times: Number(times) };
  const isDomain = vendors === undefined || /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(String(vendors));
  if (!(numbers.hours > 0 && numbers.hours <= 168 && numbers.times > 0 && numbers.times <= 100) || !isDomain)
    throw new Error(USAGE);
  return {
    ...numbers,
    vendors: vendors === undefined ? undefined : { domain: String(vendors), from: sender.email ?? '' },
  };
}

/** Shows what it will send, and sends it if that is confirmed. */
async function soaked(
  context: Omit<Parameters<typeof soak>[0], 'sleep'>,
  { asked, signal, yes, out }: { asked: Soak; signal: AbortSignal; yes: boolean; out: string | undefined },
): Promise<boolean> {
  const { clock, queueNames } = context.deps;
  const all = arrivals(asked, queueNames, clock.now());
  terminal.line(`In ${asked.hours} h it sends ${planText(asked, all)}.`);
  if (asked.vendors && !yes && (await terminal.ask('Type yes to send them: ')) !== 'yes')
    throw new Error('Not confirmed: nothing was sent. Without a terminal, give --yes.');
  const sleep = async (ms: number) => {
    await clock.sleep(ms, signal);
    if (signal.aborted) throw new Error('interrupted');
  };
  const page = await soak({ ...context, sleep }, asked, all);
  const text = textOf(page);
  terminal.lines(text.split('\n'));
  if (out !== undefined) writeFileSync(out, text);
  return page.goals.every(({ met }) => met === true);
}

const endpointsOf = ({ sqs, s3, dynamodb }: Endpoints) => ({ sqs, s3, dynamodb });

const wordsOf = (options: Options): string[] =>
  Object.entries(options).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]));

async function conformance({ stage, region }: Instance): Promise<[string, string[]]> {
  const against = { SQS_CONFORMANCE: stage === 'local' ? 'model' : 'aws', AWS_REGION: region };
  const words = ['test', '--', 'tests/integration/sqs-conformance'];
  const printed = await run('npm', words, against);
  const [, tests = ''] = /^Tests: +(.*)$/m.exec(printed) ?? [];
  const [, time = ''] = /^Time: +([\d.]+ s)/m.exec(printed) ?? [];
  const assumptions = printed.match(/^assumption .+$/gm) ?? [];
  return [`${stage === 'local' ? 'our model' : 'AWS'}: ${tests}, ${time}`, assumptions];
}

const started = promisify(execFile);

/** Runs a program. Rejects with the last lines that it prints. */
async function run(program: string, words: string[], more: Record<string, string> = {}): Promise<string> {
  try {
    const { stdout, stderr } = await started(program, words, { env: { ...process.env, ...more }, maxBuffer: 1e8 });
    return program === 'npm' ? stdout + stderr : stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const last = `${stdout}\n${stderr}`.trim().split('\n').slice(-6).join(' ');
    throw new Error(`${program} ${words.slice(0, 3).join(' ')} failed: ${last}`);
  }
}

const says = (error: unknown) => terminal.note(error instanceof Error ? error.message : String(error));
void main()
  .catch(says)
  .then((ok) => process.exit(ok ? 0 : 1));
