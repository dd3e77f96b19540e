import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { jobKey, vendorKey } from '../../lib/jobs/keys';
import { STAND_IN } from '../../lib/jobs/messages';
import type { SubmitOptions } from '../../lib/submit/valid';
import type { Options } from '../../packages/cli/command';
import { type CommandName, commands } from '../../packages/cli/commands';
import { runCommand } from '../../packages/cli/run';
import type { Serverless } from '../../packages/cli/target';
import type { Endpoints } from '../../packages/local/connection';
import { LOCAL_APP } from '../../packages/local/fakes/app-store-connect';
import { close, listen } from '../../packages/local/loopback';
import type { Packaged } from '../../packages/local/template/package';
import { realProducer } from '../../packages/producer/real-producer';
import { HASH_KEY } from './hash-people';
import type { WatchedService } from './local-service';
import { recordingOutput } from './operator';
import type { Recorder } from './recorded-calls';

const region = 'us-east-1';
const account = '000000000000';
const HOUR_MS = 3_600_000;

/** The service, and its emulators behind the recorder. */
export interface RecordedService {
  packaged: Packaged;
  service: WatchedService;
  seen: Endpoints;
  recorder: Recorder;
}

/** What the work left for the commands to look at. */
export interface Left {
  dead: string;
  held: string;
  campaign: string;
}

/** Lets the producer and every function do most of what they can do. */
export async function recordedWork(recorded: RecordedService): Promise<Left> {
  const { service } = recorded;
  const { producer, stop } = await startProducer(recorded);
  try {
    makeTrouble(service);
    const feedback = (email: string, more: object = {}, options: SubmitOptions = {}) =>
      producer.feedback({ user: { email }, subject: 'Hello', message: 'It works', ...more }, options);
    const mail = { from: { email: 'news@example.com' }, subject: 'Hi', text: 'Hi' };
    const tester = { app: LOCAL_APP.id, groups: [LOCAL_APP.group] };

    const { key } = await upload(service, producer);
    const list = 'jobs/_attachments/emails/people.csv';
    await service.ports.objects.put(list, 'email\nada@example.com\nbob@example.com\n', 'text/csv');
    const attachments = [{ key, name: 'a.txt', contentType: 'text/plain' }];
    const dead = await feedback('refused-1@example.com');
    const unheard = await feedback('unheard-1@example.com');
    const jobs = [
      dead,
      await feedback('ada@example.com', { attachments }, { principal: 'me' }),
      unheard,
      await producer.email({ ...mail, to: { email: 'ada@example.com' } }),
      // Too large for a message.
      await producer.email({ ...mail, to: mail.from, text: 'x'.repeat(500_000), html: 'x'.repeat(500_000) }),
      await producer.invite({ ...tester, email: 'new-1@example.com', notification: { appName: 'App' } }),
      await producer.removeTester({ app: LOCAL_APP.id, email: 'accepted@example.com', from: 'app' }),
    ];
    const held = await feedback('waits-1@example.com');
    const campaign = await producer.campaign({ ...mail, transactional: true }, { key: list });
    const sendAt = new Date(Date.now() + HOUR_MS).toISOString();
    const later = await producer.campaign({ ...mail, transactional: true, sendAt }, [mail.from]);
    await feedback('planned-1@example.com', {}, { notBefore: sendAt });
    await producer.track({ id: randomUUID(), name: 'opened', time: new Date().toISOString() });
    await producer.flush();
    await sendOldEvents(service);

    for (const { id } of [...jobs, later]) await service.recorded(id);
    const isHeard = async (id: string) => (await service.job(id)).steps.confirmation?.status === 'done';
    await service.until('the event of the unheard mail', () => isHeard(unheard.id));
    for (const control of ['pause', 'resume', 'cancel'] as const) await producer.campaigns[control](later.id);
    const isEnded = async () => (await producer.campaigns.report(campaign.id))?.status === 'ended';
    await service.until('the end of the campaign', isEnded);
    await producer.jobs.get(dead.id);
    await service.until('the events to be stored', () => service.sqs.messages('local-analytics.fifo').length === 0);
    await service.run('hours');
    await service.until('an alarm', () => service.discord.messages.length > 0);
    return { dead: dead.id, held: held.id, campaign: campaign.id };
  } finally {
    await stop();
  }
}

/** A producer that reads its settings from the parameter of the stack. */
async function startProducer({ packaged, seen, recorder }: RecordedService) {
  const { Properties } = packaged.resources.ProducerParameter ?? {};
  const { 'Fn::Sub': text = '' } = (Properties?.Value ?? {}) as { 'Fn::Sub'?: string };
  const parameter = { Value: text.replaceAll(`\${AWS::AccountId}`, account) };
  const parameters = http.createServer((_request, response) => {
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ Parameter: parameter }));
  });
  const { sqs, s3, dynamodb } = seen;
  const producer = realProducer({
    ...{ instance: 'local', region, credentials: { accessKeyId: 'producer', secretAccessKey: 'local' } },
    endpoints: { sqs, s3, dynamodb, ssm: await recorder.through('ssm', await listen(parameters, 0)) },
  });
  const stop = async () => {
    await producer.close();
    await close(parameters);
  };
  return { producer, stop };
}

/** Of these users, Zendesk refuses one and lets one wait. One mail gets no answer, but an event. */
function makeTrouble({ zendesk, sendgrid }: WatchedService): void {
  const tickets = { method: 'POST', path: '/api/v2/tickets' };
  zendesk.fail({ ...tickets, bodyContains: 'refused-1@', status: 422 });
  zendesk.fail({ ...tickets, bodyContains: 'waits-1@', status: 429, headers: { 'retry-after': '3600' } });
  sendgrid.fail({ path: '/v3/mail/send', bodyContains: 'unheard-1@', after: 'reset' });
}

/** S3 checks the permission of an upload when the file arrives, as a call of the producer that signed the form. */
async function upload(service: WatchedService, producer: ReturnType<typeof realProducer>): Promise<{ key: string }> {
  const { key } = await producer.attachments.upload({ principal: 'me', name: 'a.txt', contentType: 'text/plain' });
  await service.ports.objects.put(key, 'Hello', 'text/plain');
  return { key };
}

/** What happens seldom: a failed try, forged messages, and vendors that refuse our keys. After it, no job runs. */
export async function recordedTrouble({ service }: RecordedService, { dead }: Left): Promise<void> {
  const { zendesk, sendgrid, appStoreConnect, ports } = service;
  const item = (key: string) => ports.table.get(key);
  await service.until('the retried job', async () => (await service.job(dead)).state === 'succeeded');

  zendesk.fail({ method: 'POST', path: '/api/v2/tickets', status: 500, times: 3 });
  const feedback = { user: { email: 'ada@example.com' }, subject: 'Hello', message: 'It works' };
  const failed = await sendEvent(service, 'feedback.submitted.v1', feedback);
  await service.until('a failed try', async () => Number((await item(jobKey('feedback', failed)))?.attempts) > 0);

  // One names a job that is not there. One looks as if it came back from the DLQ.
  await sendRaw(service, 'feedback', STAND_IN, { job: randomUUID() });
  await sendRaw(service, 'feedback', 'no JSON', { returned: '1' });
  await sendRaw(service, 'analytics', 'no JSON');
  for (const queue of ['feedback', 'analytics']) {
    const dlq = () => service.sqs.messages(`local-${queue}-dlq.fifo`);
    await service.until(`a dead job of ${queue}`, () => dlq().some(({ body }) => body === 'no JSON'));
  }

  for (const vendor of [zendesk, sendgrid, appStoreConnect]) vendor.fail({ status: 401, times: 'forever' });
  await sendEvent(service, 'feedback.submitted.v1', feedback);
  await sendEvent(service, 'email.message.v1', {
    ...{ from: { email: 'news@example.com' }, to: { email: 'ada@example.com' }, subject: 'Hi', text: 'Hi' },
  });
  await sendEvent(service, 'testflight.invite.v1', {
    ...{ app: LOCAL_APP.id, groups: [LOCAL_APP.group], email: 'new-2@example.com' },
  });
  for (const vendor of ['zendesk', 'sendgrid', 'app-store-connect'])
    await service.until(
      `the circuit of ${vendor}`,
      async () => (await item(vendorKey(vendor)))?.stoppedAt !== undefined,
    );
}

/** Sends an event as a sender in another language does. Resolves to the id of its job. */
async function sendEvent(service: WatchedService, type: string, data: object): Promise<string> {
  const id = randomUUID();
  const [name = ''] = type.split('.');
  const queue = name === 'email' ? 'emails' : name;
  const event = { specversion: '1.0', id, type, source: '/my/api', time: new Date().toISOString(), data };
  await sendRaw(service, queue, JSON.stringify(event));
  return id;
}

/** Sends a message as a program does that does not have our producer. */
async function sendRaw(
  { declared, ports }: WatchedService,
  queue: string,
  body: string,
  attributes: Record<string, string> = {},
): Promise<void> {
  const url = declared.queues.find(({ name }) => name === `local-${queue}.fifo`)?.url ?? '';
  await ports.queues.send(url, { body, attributes, groupId: randomUUID(), deduplicationId: randomUUID() });
}

/** Events of an hour that becomes Parquet. Each message comes twice, as from a sender that got no answer. */
async function sendOldEvents(service: WatchedService): Promise<void> {
  const time = new Date(Date.now() - 5 * HOUR_MS).toISOString();
  for (const id of [randomUUID(), randomUUID()]) {
    const data = { events: [{ id, name: 'opened', time }, { id }] };
    const head = { specversion: '1.0', id, type: 'analytics.events.v1', source: '/my/api', time };
    const body = JSON.stringify({ ...head, datacontenttype: 'application/json', data });
    for (let sent = 0; sent < 2; sent++) await sendRaw(service, 'analytics', body);
  }
}

type Call = [CommandName, Options];

const reading = ({ dead, campaign }: Left): Call[] => [
  ['jobs list', {}],
  ['jobs show', { id: dead }],
  ['campaign list', {}],
  ['campaign report', { id: campaign }],
];
const COMMANDS: Record<'reader' | 'operator', (left: Left) => Call[]> = {
  reader: reading,
  operator: (left) => [
    ...reading(left),
    ['check', { live: true, yes: true }],
    ['jobs cancel', { id: left.held, yes: true }],
    ['jobs retry', { id: left.dead, yes: true }],
    ['verify', { repair: true, yes: true }],
  ],
};

/** Runs the commands of a reader or an operator. Answers their problems. */
export async function recordedCommands(
  { service }: RecordedService,
  who: keyof typeof COMMANDS,
  left: Left,
): Promise<string[]> {
  const environment = service.declared.functions.find(({ key }) => key === 'reconciler')?.environment;
  const credentials = { accessKeyId: who, secretAccessKey: 'local' };
  const serverless = {
    classes: { Error },
    service: { functions: {}, custom: { instance: { account, hashKey: HASH_KEY } }, provider: { environment } },
    getProvider: () => ({
      getStage: () => 'staging',
      getRegion: () => region,
      getAccountInfo: async () => ({ accountId: account, arn: `arn:aws:iam::${account}:user/${who}` }),
      getAwsSdkV3Config: async () => ({ region, credentials }),
    }),
  } as unknown as Serverless;
  const problems: string[] = [];
  for (const [name, options] of COMMANDS[who](left)) {
    const { out } = recordingOutput();
    await runCommand({ name, command: commands[name], serverless, options, out }).catch(({ message }: Error) =>
      problems.push(`sls ${name}: ${message}`),
    );
  }
  return problems;
}
