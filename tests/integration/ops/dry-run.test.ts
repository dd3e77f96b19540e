import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock, realRandom } from '../../../lib/aws/system';
import type { Command, CommandContext } from '../../../lib/cli/command';
import { type CommandName, commands } from '../../../lib/cli/commands';
import { connect } from '../../../lib/cli/connect';
import { runCommand } from '../../../lib/cli/run-command';
import { runs } from '../../../lib/cli/runs';
import type { Serverless } from '../../../lib/cli/serverless';
import type { QueueSettings } from '../../../lib/config/common';
import { campaigns } from '../../../lib/emails/campaigns/campaign';
import { envelopeSchema } from '../../../lib/jobs/envelope';
import { bodyKey, dlqName, functionName, jobKey, queueName } from '../../../lib/jobs/keys';
import { createLedger } from '../../../lib/jobs/ledger';
import { newRow } from '../../../lib/jobs/new-row';
import type { JobRow } from '../../../lib/jobs/row';
import { controlPlane } from '../../../lib/local/control-plane';
import { startDynamoDb } from '../../../lib/local/emulators/dynamodb';
import { LOCAL_CREDENTIALS } from '../../../lib/local/emulators/emulator';
import { startS3 } from '../../../lib/local/emulators/s3';
import { close, listen } from '../../../lib/local/loopback';
import { type LocalPorts, localPorts } from '../../../lib/local/ports';
import { createSqsModel } from '../../../lib/local/sqs/model';
import { startSqs } from '../../../lib/local/sqs/server';
import type { LocalMapping } from '../../../lib/local/triggers';
import { createBulk, selectionOf } from '../../../lib/ops/bulk';
import { jobsTable } from '../../../resources/jobs-table';
import { anEnvelope, jobId } from '../../support/engine';
import { inState } from '../../support/in-state';
import { recordingOutput } from '../../support/operator';
import { startRecordingProxy } from '../../support/recording-proxy';

const region = 'us-east-1';
const INSTANCE = 'acme';
const BUCKET = 'team-bucket';
const QUEUES = ['feedback', 'emails', 'testflight', 'analytics'];
const settings: QueueSettings = {
  ...{ type: 'fifo', retention: 604_800, dlqRetention: 1_209_600 },
  ...{ visibility: 180, receives: 3, ordered: false },
};
/** Operations that change nothing. */
const READS = ['GetItem', 'Query', 'GET', 'HEAD', 'GetQueueUrl', 'GetQueueAttributes', 'GetMetricData'];

const [DEAD, QUEUED, UNKNOWN, RUNNING, PAUSED] = [1, 2, 3, 4, 5].map(jobId) as [string, string, string, string, string];
const operations: string[] = [];
const closers: (() => unknown)[] = [];
const environment = process.env;
let ports: LocalPorts;
/** The id of a bulk action that retries the dead job. */
let bulk: string;
let testers: string;

beforeAll(async () => {
  const sqs = createSqsModel({ now: Date.now, uuid: () => crypto.randomUUID(), region, account: '000000000000' });
  for (const name of QUEUES)
    for (const QueueName of [queueName(INSTANCE, name, 'fifo'), dlqName(INSTANCE, name, 'fifo')])
      sqs.createQueue({ QueueName, Attributes: { FifoQueue: 'true' } });
  const servers = [
    await startSqs({ model: sqs }),
    await startS3({ buckets: [BUCKET], region }),
    await startDynamoDb({ tables: [{ name: `${INSTANCE}-jobs`, create: jobsTable }], region }),
    await startLambda(),
  ];
  const proxies = await Promise.all(servers.map(({ url }) => startRecordingProxy(url, operations)));
  const [queuesAt = '', s3 = '', dynamodb = '', lambda = ''] = proxies.map(({ url }) => url);
  const endpoints = { sqs: queuesAt, s3, dynamodb };
  const vendors = { eventbridge: '', zendesk: '', sendgrid: '', appStoreConnect: '', discord: '' };
  ports = localPorts({ endpoints: { ...endpoints, ...vendors }, region, table: `${INSTANCE}-jobs`, bucket: BUCKET });
  process.env = {
    ...environment,
    AWS_ENDPOINT_URL_SQS: queuesAt,
    AWS_ENDPOINT_URL_S3: s3,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    AWS_ENDPOINT_URL_LAMBDA: `${lambda}/lambda`,
    // No chat: a command goes on without it.
    AWS_ENDPOINT_URL_SNS: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_CLOUDWATCH: `${lambda}/cloudwatch`,
  };
  const directory = mkdtempSync(join(tmpdir(), 'dry-run-'));
  testers = join(directory, 'testers.csv');
  writeFileSync(testers, 'email,firstName\nada@example.com,Ada\n');
  closers.push(...servers.map(({ close }) => close), ...proxies.map(({ close }) => close));
  closers.push(ports.close, () => rmSync(directory, { recursive: true }));
  await lay();
});
afterAll(async () => {
  process.env = environment;
  for (const close of closers.reverse()) await close();
});

/** Lambda, whose function of e-mails receives from its queue, and CloudWatch without metrics. */
async function startLambda() {
  let on = true;
  const mapping: LocalMapping = {
    queue: queueName(INSTANCE, 'emails', 'fifo'),
    functionName: functionName(INSTANCE, 'emails'),
    isOn: () => on,
    set: (value) => {
      on = value;
    },
  };
  const plane = { mappings: [mapping], metrics: { read: () => undefined }, region };
  const server = createServer(controlPlane({ ...plane, account: '000000000000' }));
  return { url: await listen(server, 0), close: () => close(server) };
}

/** Jobs and campaigns that each command can change. */
async function lay(): Promise<void> {
  const now = Date.now();
  const base = { table: ports.table, clock: realClock, random: realRandom };
  const ledger = createLedger({ ...base, settings: () => settings });
  const write = async (id: string, changes: Partial<JobRow>) => {
    const envelope = envelopeSchema.parse(anEnvelope({ id, time: new Date(now).toISOString() }));
    await ports.objects.put(bodyKey('jobs', 'feedback', id), JSON.stringify(envelope), 'application/json');
    const row = newRow({ queue: 'feedback', envelope, group: 'a-group', now, random: realRandom });
    await ledger.write({ ...row, sentAt: now, ...changes }, 0);
  };
  const error = { class: 'permanent', code: 'ZendeskRejected', message: 'rejected' } as const;
  const ended = { endedAt: now, parkedAt: now, parkedFrom: 'a-message', recordedAt: now };
  await write(DEAD, { state: inState('dead'), reason: 'error', error, bodyKept: true, ...ended });
  await write(QUEUED, {});
  const steps = { ticket: { status: 'unknown' as const, startedAt: now } };
  await write(UNKNOWN, { state: inState('held'), reason: 'unknown', bodyKept: true, steps });
  const rows = await Promise.all([ledger.get(jobKey('feedback', DEAD))]);
  const deps = { ...base, ledger, objects: ports.objects, prefix: 'jobs', audit: 'an-audit' };
  const dead = rows.filter((row) => row !== undefined);
  bulk = (await createBulk(deps, { action: 'retry', selection: selectionOf(dead), perSecond: 1 })).id;
  const store = campaigns(base);
  const counts = { requested: 20, duplicates: 0, rejected: 0, recipients: 20, chunks: 2, chunkSize: 10 };
  const manifest = { key: 'jobs/_data/emails/x', sha256: '0'.repeat(64) };
  for (const id of [RUNNING, PAUSED])
    await store.start({ id, source: '/api', time: now, startsAt: now, manifest, ...counts });
  await store.pause(PAUSED, 'SendgridUnauthorized');
}

const serverless = {
  classes: { Error },
  service: {
    functions: {},
    custom: { instance: { account: '000000000000' } },
    provider: {
      environment: {
        ...{ INSTANCE, BUCKET, PREFIX: 'jobs', TABLE: `${INSTANCE}-jobs` },
        QUEUES: JSON.stringify(Object.fromEntries(QUEUES.map((name) => [name, settings]))),
      },
    },
  },
  getProvider: () => ({
    getStage: () => 'prod',
    getRegion: () => region,
    getAccountId: async () => '000000000000',
    getAccountInfo: async () => ({ arn: 'arn:aws:iam::000000000000:user/operator' }),
    getAwsSdkV3Config: async () => ({ region, credentials: LOCAL_CREDENTIALS }),
  }),
} as unknown as Serverless;

/** Runs a command over the servers, and answers what it printed and which operations it called. */
async function run(name: CommandName, options: CommandContext['options']) {
  const { out, recorded } = recordingOutput();
  const from = operations.length;
  await runCommand(runs[name], {
    ...{ name, command: commands[name], serverless, options, out },
    connect: (touch) => connect(serverless, out, touch),
  });
  return { ...recorded, called: operations.slice(from) };
}

/** How each command is called, and a part of what it would do. */
const CALLS: Partial<Record<CommandName, [CommandContext['options'], string]>> = {
  'jobs retry': [{ id: DEAD }, `send the message ${DEAD}:r:1 to acme-feedback.fifo`],
  'jobs cancel': [{ id: QUEUED }, `write the item feedback#${QUEUED} of the table`],
  'jobs settle': [{ id: UNKNOWN, step: 'ticket', as: 'done' }, `write the item feedback#${UNKNOWN} of the table`],
  'dlq redrive': [{ id: DEAD }, `send the message ${DEAD}:r:1 to acme-feedback.fifo`],
  'dlq discard': [{ id: DEAD }, `write the item feedback#${DEAD} of the table`],
  'bulk stop': [{}, 'write the item bulk#'],
  'bulk continue': [{}, `send the message ${DEAD}:r:1 to acme-feedback.fifo`],
  'queues pause': [{ queue: 'emails', reason: 'a test' }, 'disable the event source mapping of emails'],
  'queues resume': [{ queue: 'emails' }, 'enable the event source mapping of emails'],
  'campaign pause': [{ id: RUNNING }, RUNNING],
  'campaign resume': [{ id: PAUSED }, PAUSED],
  'campaign cancel': [{ id: RUNNING }, RUNNING],
  'testflight invite': [
    { app: '1000000001', group: '00000000-0000-4000-8000-0000000000a1', file: '' },
    'to acme-testflight.fifo',
  ],
  smoke: [{ queue: 'feedback', mail: 'user@example.com', from: 'team@example.com' }, 'to acme-emails.fifo'],
  'alarms test': [{}, 'publish a message to the topic acme-alarms'],
};
const writing = Object.entries<Command>(commands).flatMap(([name, { writes }]) =>
  writes === true ? [name as CommandName] : [],
);

test.each(writing)('sls %s --dry-run prints what it would change, and changes nothing', async (name) => {
  const [options = {}, change = ''] = CALLS[name] ?? [];

  const { lines, called } = await run(name, {
    ...options,
    ...('file' in options && { file: testers }),
    ...(name.startsWith('bulk ') && { id: bulk }),
    'dry-run': true,
  });

  expect(called.filter((operation) => !READS.includes(operation))).toEqual([]);
  expect(CALLS).toHaveProperty(name);
  const at = lines.indexOf('Dry run. Nothing was changed. The command would:');
  expect(lines.slice(0, at).every((line) => line.startsWith('dry run: '))).toBe(true);
  expect(lines.slice(at + 1).join('\n')).toContain(change);
});

test('without --dry-run the same command writes, after a confirmation', async () => {
  const { lines, called } = await run('jobs retry', { id: DEAD, yes: true });

  expect(lines).toEqual([expect.stringContaining(`feedback ${DEAD}: was dead (error), sent as message`)]);
  expect(called).toEqual(expect.arrayContaining(['SendMessage', 'PutItem']));
});
