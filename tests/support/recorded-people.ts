import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { v7 } from 'uuid';
import { leases, takeLease } from '../../lib/engine/jobs/items';
import {
  auditKey,
  bodyKey,
  dataKey,
  dataPrefix,
  fileKey,
  jobKey,
  reconcilerKey,
  recordKey,
  verifiedKey,
} from '../../lib/engine/jobs/keys';
import { createLedger } from '../../lib/engine/jobs/ledger';
import { keptBody, tokenOf } from '../../lib/engine/jobs/messages';
import { personOf } from '../../lib/engine/jobs/person-hash';
import { type JobRow, newRow } from '../../lib/engine/jobs/row';
import { reconcile } from '../../lib/engine/reconcile/reconcile';
import { type Erased, foundOf } from '../../lib/operate/ops/erase';
import { audit } from '../../lib/operate/ops/operator';
import { findPerson } from '../../lib/operate/ops/person';
import { realSecret } from '../../lib/platform/aws/secrets';
import { realClock } from '../../lib/platform/aws/system';
import { secret } from '../../lib/platform/config/functions';
import * as events from '../../lib/queues/analytics/keys';
import { rowOf, toParquet } from '../../lib/queues/analytics/parquet';
import type { Options } from '../../packages/cli/command';
import { type CommandName, commands } from '../../packages/cli/commands';
import { connect } from '../../packages/cli/connect';
import { runCommand } from '../../packages/cli/run';
import { readStack } from '../../packages/cli/stack';
import { namedTargetOf, type Serverless } from '../../packages/cli/target';
import { ACCOUNT, REGION } from '../../packages/local/loopback';
import { stackName } from '../../resources/instances/instance';
import { readInstance } from '../../resources/instances/read';
import { PREFIX } from './engine';
import { HASH_KEY, hashed } from './hash-people';
import type { WatchedService } from './local-service';
import { memoryRandom } from './memory-clock';
import { recordingOutput } from './operator';
import { FUNCTIONS, idOf } from './permissions';
import { drop, type Left, sendRaw } from './recorded-work';
import { fakeServerless } from './serverless';
import type { CompiledTemplate } from './sls';

type Call = [CommandName, Options];

const { HOUR_MS } = events;

function commandsOf({ dead, held, planned, rejected, campaign }: Left): Record<'reader' | 'operator', Call[]> {
  const reader: Call[] = [
    ['jobs list', {}],
    ['jobs show', { id: dead }],
    ['campaign list', {}],
    ['campaign report', { id: campaign }],
    ['queues', {}],
    ['health', {}],
    ['vendors', {}],
    ['report', {}],
  ];
  const operator: Call[] = [
    ['check', { live: true }],
    ['queues pause', { queue: 'testflight', reason: 'a test' }],
    ['queues resume', { queue: 'testflight' }],
    ['vendors pause', { vendor: 'zendesk', reason: 'a test' }],
    ['vendors rate', { vendor: 'sendgrid', to: '500', reason: 'a test' }],
    ['vendors resume', { vendor: 'zendesk' }],
    ['vendors try', { vendor: 'zendesk' }],
    ['alarms test', {}],
    ['verify', { repair: true }],
    ['jobs cancel', { id: held }],
    ['jobs cancel', { id: planned }],
    ['jobs retry', { id: dead }],
    ['jobs discard', { id: rejected }],
    ['campaign report', { id: campaign, failed: true }],
    ['campaign preview', { id: campaign }],
    ['campaign test', { id: campaign, to: 'a@example.com' }],
    ['suppress add', { email: 'a@example.com' }],
    ['suppress remove', { email: 'a@example.com' }],
  ];
  return { reader, operator: [...reader, ...operator] };
}

/** Runs the commands of reader and operator, and from then on no run of the reconciler. Answers their problems. */
export async function recordedCommands(service: WatchedService, left: Left): Promise<string[]> {
  const { deployment, ports } = service;
  const lease = () => takeLease(deployment, leases, reconcilerKey, Date.now() + HOUR_MS);
  // A run would hide the entries of a DLQ while the operator looks.
  await service.until('the lease of the reconciler', lease);
  const today = new Date().toISOString().slice(0, 10);
  await ports.objects.put(verifiedKey(PREFIX, today), '{"checked":0,"findings":{}}', 'application/json');
  // What an operator did before, which the report reads.
  const act = { id: v7(), at: new Date().toISOString(), action: 'jobs retry' };
  await ports.objects.put(auditKey(PREFIX, act.id), JSON.stringify(act), 'application/json');
  await unmark(service, jobKey('analytics', left.rejected), 'parkedAt');
  const problems: string[] = [];
  for (const who of ['reader', 'operator'] as const) {
    const serverless = serverlessOf(service, who);
    for (const [name, options] of commandsOf(left)[who])
      await runCommand({ name, command: commands[name], serverless, options, out: recordingOutput().out }).catch(
        ({ message }: Error) => problems.push(`sls ${name}: ${message}`),
      );
    // The console asks it before it shows a job's data.
    const asking = await connect(serverless, await namedTargetOf(serverless), recordingOutput().out);
    await audit(asking, { action: 'console job.reveal', stage: 'staging', arguments: {}, reads: true });
    // `sls instances` asks it of deployed instances only.
    await readStack(configOf(who), stackName(readInstance('local')));
  }
  return problems;
}

/** Serverless with the access key of `who`, on the stage of an AWS account. */
function serverlessOf({ declared }: WatchedService, who: string): Serverless {
  const environment = declared.functions.find(({ key }) => key === 'reconciler')?.environment;
  const emails = declared.functions.find(({ key }) => key === 'emails');
  return fakeServerless({
    ...{ stage: 'staging', region: REGION, own: ACCOUNT, account: async () => ACCOUNT, hashKey: HASH_KEY },
    ...{ arn: `arn:aws:iam::${ACCOUNT}:user/${who}`, config: configOf(who) },
    ...(environment && { environment }),
    functions: { ...(emails && { emails }) },
  });
}

const configOf = (who: string) => ({ region: REGION, credentials: { accessKeyId: who, secretAccessKey: 'local' } });

/** Takes marks from a row, as if its writer had died before it set them. */
async function unmark({ deployment }: WatchedService, key: string, ...marks: (keyof JobRow)[]): Promise<void> {
  const isOther = ([name]: [string, unknown]) => !marks.includes(name as keyof JobRow);
  await deployment.ledger.update(key, (row) => Object.fromEntries(Object.entries(row).filter(isOther)) as never);
}

/** Lets the reconciler work six weeks later, when lists, files and kept bodies of all these jobs are due. */
export async function sixWeeksLater(service: WatchedService, { held, rejected, attached }: Left): Promise<void> {
  const { deployment } = service;
  // SQS moved the message of a job to the DLQ that an operator had cancelled.
  const row = (await deployment.ledger.get(jobKey('feedback', held))) as JobRow;
  await sendRaw(service, 'feedback-dlq', (await keptBody(deployment, row)) ?? '', tokenOf(row));
  await unmark(service, row.key, 'bodyKept');
  await unmark(service, jobKey('analytics', rejected), 'recordedAt', 'parkedAt');
  await drop(service, jobKey('feedback', attached));

  const serverless = serverlessOf(service, 'reconciler');
  const deps = await connect(serverless, await namedTargetOf(serverless), recordingOutput().out);
  for (const days of [46, 47]) {
    // Lists and files go in the first minute of an hour.
    const shift = Math.ceil((Date.now() + days * 24 * HOUR_MS) / HOUR_MS) * HOUR_MS - Date.now();
    const clock = { ...realClock, now: () => realClock.now() + shift };
    await reconcile({ ...deps, clock, ledger: createLedger({ ...deps, clock }) }, { remainingMs: 60_000 });
  }
}

const GONE = 'gone@example.com';

/** Finds and erases a person who is in every place. Answers the problems, and what was left. */
export async function recordedPrivacy(service: WatchedService): Promise<string[]> {
  const { deployment, ports } = service;
  const { objects, table } = ports;
  const [job, time] = [randomUUID(), Date.now() - 6 * HOUR_MS];
  const head = { specversion: '1.0' as const, id: job, type: 'feedback.submitted.v1', source: '/my/api' };
  const data = { user: { email: GONE }, subject: 'Hello', message: 'Hello' };
  const sent = { ...head, time: new Date(time).toISOString(), person: hashed(personOf(GONE))[0], data };
  const file = `${PREFIX}/_attachments/feedback/by/gone.txt`;
  const row = { ...newRow({ queue: 'feedback', envelope: sent, now: time, random: memoryRandom() }), files: [file] };
  await table.put(row, 0);
  await table.put({ key: fileKey(file), version: 1, writer: '', jobs: [row.key] }, 0);
  const of = { accepted: sent.time, sequence: 0, job, source: '/my/api' };
  const line = { id: 'e-1', name: 'opened', user: GONE, time: sent.time, ...of };
  const zipped = gzipSync(`${JSON.stringify(line)}\n`);
  const list = `${dataPrefix(PREFIX, 'emails')}c/recipients-0-${'0'.repeat(64)}.ndjson`;
  const planted: [key: string, body: string | Uint8Array][] = [
    [file, 'Hello'],
    [bodyKey(PREFIX, 'feedback', job), JSON.stringify(sent)],
    [dataKey(PREFIX, { queue: 'feedback', id: job, sha256: '0'.repeat(64) }), JSON.stringify(data)],
    [list, JSON.stringify({ email: GONE })],
    [`${PREFIX}/_attachments/emails/by/gone.csv`, `email\n${GONE}\n`],
    [recordKey(PREFIX, row), JSON.stringify(row)],
    [recordKey(PREFIX, { ...row, queue: 'analytics' }), JSON.stringify(row)],
    [events.dataKey(PREFIX, { time, id: job }), zipped],
    [events.rejectedKey(PREFIX, { time, id: job }), zipped],
    [events.lateKey(PREFIX, { time, id: job, arrived: time }), zipped],
    [events.partKey(PREFIX, { hour: time, part: 1, of: 1 }), toParquet([rowOf(JSON.stringify(line))], [])],
  ];
  for (const [key, body] of planted) await objects.put(key, body, 'text/plain');
  const serverless = serverlessOf(service, 'privacy');
  const { out, recorded } = recordingOutput();
  for (const name of ['privacy find', 'privacy erase'] as const)
    await runCommand({ name, command: commands[name], serverless, options: { email: GONE, yes: true }, out });
  const { found: left } = await foundOf(findPerson(deployment, { email: GONE }));
  return [...left.map(({ place, key }) => `${place} ${key}`), ...(recorded.json as Erased).left.map(({ key }) => key)];
}

/** Lets each function read the secrets that its variables in a template name. Others read the hash key only. */
export async function readSecrets({ Resources }: CompiledTemplate): Promise<void> {
  // An instance may leave queues out, with their functions.
  const variablesOf = (key: string) => {
    const { Environment } = Resources[idOf(key, 'LambdaFunction')]?.Properties ?? {};
    return (Environment as { Variables: Record<string, unknown> } | undefined)?.Variables ?? {};
  };
  const { HASH_KEY: hashKey } = variablesOf('feedback');
  const { SUPPRESSION_KEY: suppressionKey } = variablesOf('emails');
  const named: Record<string, unknown[]> = { producer: [hashKey, suppressionKey], operator: [hashKey, suppressionKey] };
  named.privacy = [hashKey, suppressionKey];
  for (const who of FUNCTIONS) named[who] = Object.values(variablesOf(who));
  for (const [who, values] of Object.entries(named))
    for (const value of values.filter((text) => /^(ssm|secretsmanager):/.test(String(text))))
      await realSecret(secret.parse(value), configOf(who))();
}
