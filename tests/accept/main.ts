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
import { type Instance, producerSettingsOf } from '../../resources/instances/instance';
import { chosenInstance } from '../../resources/instances/read';
import { environmentOf } from '../support/instances';
import { fakeServerless } from '../support/serverless';
import { accept, STEPS } from './accept';

const USAGE = `usage: npm run accept -- --param instance=NAME [--rate 10] [--seconds 60] [--only STEP]… [--out FILE]
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
    },
  });
  const instance = chosenInstance(values);
  if (isProduction(instance)) throw new Error(`${instance.file} is of production. Accept a staging.`);
  const { rate, seconds, only, out } = values;
  const load = { rate: Number(rate), seconds: Number(seconds) };
  const isKnown = !only || only.every((name) => name in STEPS);
  if (!(load.rate > 0 && load.rate <= 1_000 && load.seconds > 0 && load.seconds <= 3_600) || !isKnown)
    throw new Error(USAGE);

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
    const page = await accept(
      {
        ...{ deps, producer, load, waits: { pauseMs: local ? LOCAL_PAUSE_MS : PAUSE_MS, jobMs: JOB_MS } },
        sls: (words, options) => run('npx', ['sls', ...words.split(' '), ...wordsOf(options), ...chosen]),
        conformance: () => conformance(instance),
      },
      { title, say: terminal.line, signal, ...(only && { only }) },
    );
    if (out !== undefined) writeFileSync(out, page.text);
    return page.ok;
  } finally {
    await producer.close();
  }
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
