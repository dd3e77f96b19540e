import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { v7 } from 'uuid';
import { secretsOf } from '../../lib/config/functions';
import { REGION, startCloud } from '../../lib/local/cloud';
import { awsVariables, type Endpoints, vendorVariables } from '../../lib/local/endpoints';
import { startFakeVendors } from '../../lib/local/fake-vendors';
import { signedAsSendgrid } from '../../lib/local/invoke-local';
import { lambdaVariables } from '../../lib/local/lambda/runtime';
import { portsFrom } from '../../lib/local/listen-port';
import { close, listen } from '../../lib/local/loopback';
import type { DeclaredFunction } from '../../lib/local/template/declared';
import { packageService } from '../../lib/local/template/package';
import { unzip } from '../../lib/local/template/zip';
import { table } from './table';

const RUNS = 15;
/** CPU ms of each part of a process. */
interface Spent {
  load: number;
  first: number;
  second: number;
}
/** Loads a bundle and invokes its handler with each event. Its last line says what each part took and was answered. */
const PROGRAM = `
  const { bundle, exported, events, context } = JSON.parse(process.env.INVOKE);
  const spent = [];
  const answers = [];
  const measured = async (part) => {
    const before = process.cpuUsage();
    const made = await part();
    const { user, system } = process.cpuUsage(before);
    spent.push((user + system) / 1000);
    return made;
  };
  (async () => {
    const handler = await measured(() => require(bundle)[exported]);
    for (const event of events)
      answers.push(await measured(() => handler(event, { ...context, getRemainingTimeInMillis: () => 30_000 })));
    process.stdout.write('\\n' + JSON.stringify({ spent, answers }), () => process.exit());
  })();`;

/**
 * The CPU time of a fresh process for loading a function's bundle and for its first two invocations. The first one also
 * reads the secrets. AWS and the vendors are servers on this machine.
 */
export async function firstInvocations(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'first-invocation-'));
  const stops = [async () => rmSync(directory, { recursive: true, force: true })];
  const onStop = (stop: () => Promise<unknown>) => void stops.unshift(async () => void (await stop()));
  try {
    const packaged = await packageService({ stage: 'local', output: join(directory, 'package') });
    const { declared, endpoints: aws } = await startCloud(packaged, portsFrom(0), onStop);
    const vendors = await startFakeVendors(declared, portsFrom(0), onStop);
    const endpoints: Endpoints = {
      ...aws,
      zendesk: vendors.zendesk.url,
      sendgrid: vendors.sendgrid.url,
      appStoreConnect: vendors.appStoreConnect.url,
      discord: vendors.discord.webhook,
    };
    const rows: (string | number)[][] = [];
    for (const one of declared.functions) {
      const code = join(directory, one.key);
      unzip(join(packaged.directory, one.artifact), code);
      rows.push(await row(one, code, endpoints));
    }
    return [
      `A fresh process loads a bundle and is invoked twice: CPU time in ms, the fastest of ${RUNS} runs.`,
      table(['function', 'secrets', 'load', 'first', '… secrets given', 'second'], rows),
    ].join('\n');
  } finally {
    for (const stop of stops) await stop();
  }
}

async function row(declared: DeclaredFunction, code: string, endpoints: Endpoints): Promise<(string | number)[]> {
  const plain = {
    ...lambdaVariables(declared, { directory: code, region: REGION }),
    ...declared.environment,
    ...awsVariables(endpoints, REGION),
    ...vendorVariables(endpoints, declared.environment),
  };
  const store = await secretStore(plain, secretsOf(declared.key));
  const referring: Spent[] = [];
  const given: Spent[] = [];
  for (let run = 0; run < RUNS; run++) {
    referring.push(await spent(declared, code, { ...plain, ...store.variables }));
    given.push(await spent(declared, code, plain));
  }
  await store.stop();
  const fastest = (runs: Spent[], part: keyof Spent) => Math.min(...runs.map((run) => run[part])).toFixed(0);
  return [
    fileName(declared.key),
    store.read(),
    fastest(referring, 'load'),
    fastest(referring, 'first'),
    store.read() === 0 ? '' : fastest(given, 'first'),
    fastest(referring, 'second'),
  ];
}

/** Parameter Store and Secrets Manager with these secrets. As in `instances/mht-api.yml`, the second has SendGrid's. */
async function secretStore(plain: Record<string, string>, names: string[]) {
  const read = new Set<string>();
  const server = http.createServer(async (request, response) => {
    const { Name, SecretId } = JSON.parse(await text(request)) as { Name?: string; SecretId?: string };
    const name = Name?.slice(1) ?? SecretId ?? '';
    read.add(name);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify(Name ? { Parameter: { Value: plain[name] } } : { SecretString: plain[name] }));
  });
  const url = await listen(server, 0);
  const references = names
    .filter((name) => plain[name])
    .map((name) => [name, name.startsWith('SENDGRID') ? `secretsmanager:${name}` : `ssm:/${name}`]);
  return {
    variables: {
      AWS_ENDPOINT_URL_SSM: url,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
      ...(Object.fromEntries(references) as Record<string, string>),
    },
    /** How many secrets the function has read. */
    read: () => read.size,
    stop: () => close(server),
  };
}

/** What an SQS function answers if no message failed, the webhook if it took the events, and the others always. */
const GOOD = ['{"batchItemFailures":[]}', '{"statusCode":204}', 'null'];

/** Invokes a function twice in a fresh process. Throws if a warning, an error or its answer says that it did less. */
async function spent(declared: DeclaredFunction, code: string, env: Record<string, string>): Promise<Spent> {
  const [file = '', exported] = declared.handler.split('.');
  const INVOKE = JSON.stringify({
    ...{ bundle: join(code, file), exported, events: [eventOf(declared.key), eventOf(declared.key)] },
    context: { awsRequestId: v7(), functionName: declared.name, invokedFunctionArn: declared.arn },
  });
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-e', PROGRAM], { env: { ...env, INVOKE } });
  const trouble = stdout.split('\n').find((line) => /"level":"(WARN|ERROR)"/.test(line)) ?? stderr;
  if (trouble !== '') throw new Error(`${declared.key} did not do its work: ${trouble}`);
  const last = JSON.parse(stdout.slice(stdout.lastIndexOf('\n'))) as { spent: number[]; answers: unknown[] };
  const refused = last.answers.map((answer) => JSON.stringify(answer)).find((answer) => !GOOD.includes(answer));
  if (refused !== undefined) throw new Error(`${declared.key} answered ${refused}`);
  const [load = 0, first = 0, second = 0] = last.spent;
  return { load, first, second };
}

const fileName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The function's event in tests/fixtures, as of another job and another person. */
function eventOf(key: string): unknown {
  const id = v7();
  const own = readFileSync(`tests/fixtures/${fileName(key)}.json`, 'utf8')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (uuid) => (uuid.startsWith('00000000') ? uuid : id))
    .replace(/\b(user|tester)@/g, `$1-${id}@`);
  return signedAsSendgrid(JSON.parse(own), Date.now());
}
