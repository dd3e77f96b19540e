import { randomUUID } from 'node:crypto';
import { sha256 } from '../../lib/engine/jobs/envelope';
import { bodyKey, dataKey, hourPartition, jobKey, recordKey, vendorKey } from '../../lib/engine/jobs/keys';
import { PLACEHOLDER, tokenOf } from '../../lib/engine/jobs/messages';
import { type JobRow, newRow } from '../../lib/engine/jobs/row';
import type { SubmitOptions } from '../../lib/engine/submit/options';
import { suppressedKey } from '../../lib/mail/suppression';
import { HOUR_MS } from '../../lib/queues/analytics/keys';
import { chunkId } from '../../lib/queues/emails/campaigns/campaign';
import { LOCAL_APP } from '../../packages/local/fakes/app-store-connect';
import { ACCOUNT, REGION } from '../../packages/local/loopback';
import type { Packaged } from '../../packages/local/template/package';
import { realProducer } from '../../packages/producer/real-producer';
import { aFact, alarmChange } from './alarms';
import { PREFIX } from './engine';
import { inState } from './in-state';
import type { WatchedService } from './local-service';
import { memoryRandom } from './memory-clock';
import type { Recorder } from './recorded-calls';

const MAIL = { from: { email: 'news@example.com' }, subject: 'Hi', text: 'Hi' };
const feedbackOf = (email: string) => ({ user: { email }, subject: 'Hello', message: 'It works' });

/** The service, with the recorder between it and its emulators. */
interface RecordedService {
  packaged: Packaged;
  service: WatchedService;
  recorder: Recorder;
}

/** What the work left for later: ids of jobs, and of a campaign. */
export type Left = Record<'dead' | 'held' | 'planned' | 'rejected' | 'attached' | 'campaign', string>;

type Producer = ReturnType<typeof realProducer>;

/** Lets the producer and every function do most of what they can do. */
export async function recordedWork(recorded: RecordedService): Promise<Left> {
  const producer = startProducer(recorded);
  return work(recorded, producer).finally(() => producer.close());
}

async function work({ service, recorder }: RecordedService, producer: Producer): Promise<Left> {
  // Zendesk refuses one user and lets one wait. Mails to others get no answer, but events.
  service.zendesk.fail({ ...TICKETS, bodyContains: 'refused-1@', status: 422 });
  service.zendesk.fail({ ...TICKETS, bodyContains: 'waits-1@', status: 429, headers: { 'retry-after': '3600' } });
  for (const n of [1, 2]) service.sendgrid.fail({ bodyContains: `unheard-${n}@`, after: 'reset' });
  const feedback = (email: string, more: object = {}, options: SubmitOptions = {}) =>
    producer.feedback({ ...feedbackOf(email), ...more }, options);
  const tester = { app: LOCAL_APP.id, groups: [LOCAL_APP.group] };

  const attachments = [attachment(await upload(producer))];
  await feedback('ada@example.com', { attachments: [attachment(NO_FILE)] }).catch(() => {});
  // This file goes before the worker reads it.
  await service.ports.objects.put(GOING, 'Hello', FILE.contentType);
  recorder.before = async ({ who, resource }) => {
    if (who === 'feedback' && resource.includes(GOING)) await service.ports.objects.delete(GOING);
    return undefined;
  };
  await feedback('ada@example.com', { attachments: [attachment(GOING)] });
  const list = `${PREFIX}/_attachments/emails/people.csv`;
  await service.ports.objects.put(list, 'email\nada@example.com\nbob@example.com\n', 'text/csv');
  const dead = await feedback('refused-1@example.com');
  const unheard = await feedback('unheard-1@example.com');
  const attached = await feedback('ada@example.com', { attachments }, { principal: 'me' });
  const jobs = [
    ...[dead, unheard, attached],
    await producer.email({ ...MAIL, to: { email: 'ada@example.com' } }),
    // Too large for a message.
    await producer.email({ ...MAIL, to: MAIL.from, text: 'x'.repeat(500_000), html: 'x'.repeat(500_000) }),
    await producer.invite({ ...tester, email: 'new-1@example.com', notification: { appName: 'App' } }),
    await producer.removeTester({ app: LOCAL_APP.id, email: 'accepted@example.com', from: 'app' }),
  ];
  const held = await feedback('waits-1@example.com');
  const campaign = await producer.campaign({ ...MAIL, transactional: true }, { key: list });
  const sendAt = new Date(Date.now() + HOUR_MS).toISOString();
  const later = await producer.campaign({ ...MAIL, transactional: true, sendAt }, [MAIL.from]);
  const planned = await feedback('planned-1@example.com', {}, { notBefore: sendAt });
  await producer.track({ id: randomUUID(), name: 'opened', time: new Date().toISOString() });
  await producer.flush();
  await sendOldEvents(service);
  await sendRaw(service, 'analytics', 'no JSON');

  for (const { id } of [...jobs, later]) await service.recorded(id);
  const isHeard = async (id: string) => (await service.job(id)).steps.confirmation?.status === 'done';
  await service.until('the event of the unheard mail', () => isHeard(unheard.id));
  for (const control of ['pause', 'resume', 'cancel'] as const) await producer.campaigns[control](later.id);
  const isEnded = async () => (await producer.campaigns.report(campaign.id))?.status === 'ended';
  await service.until('the end of the campaign', isEnded);
  await producer.jobs.get(dead.id);
  await producer.suppress('left@example.com', { system: true });
  await producer.isSuppressed('left@example.com', { system: true });
  await producer.email({ ...MAIL, to: { email: 'ada@bounce.example.com' } });
  // The list's first entry, and these two addresses.
  const listed = async () => ((await service.ports.objects.get(suppressedKey(PREFIX)))?.length ?? 0) >= 3 * 8;
  await service.until('both addresses to be in the list', listed);
  // Operators read and make it anew.
  await service.ports.objects.delete(suppressedKey(PREFIX));
  await service.until('the events to be stored', () => service.sqs.messages('local-analytics.fifo').length === 0);
  await service.run('hours');
  // Objects of yesterday, and a body without a row, which the check reports.
  const { objects } = service.ports;
  const orphan = bodyKey(PREFIX, 'feedback', 'none');
  const analytics = ['originals', 'events', 'rejected'].map((what) => `analytics-${what}`);
  const folders = ['feedback', 'analytics', '_events/feedback', ...analytics];
  // It may begin after midnight, when today is yesterday.
  const times = [Date.now() - 24 * HOUR_MS, Date.now()];
  const partitions = folders.flatMap((folder) => times.map((time) => hourPartition(`${PREFIX}/${folder}`, time)));
  const planted = [orphan, ...partitions.map((partition) => `${partition}none.json`)];
  for (const key of planted) await objects.put(key, '{}', 'application/json');
  await service.run('verify');
  for (const key of planted) await objects.delete(key);
  await service.until('an alarm', () => service.discord.messages.length > 0);
  // Time removes a chunk's row, and later its record.
  const chunk = await drop(service, jobKey('emails', chunkId(campaign.id, 0)));
  await service.ports.objects.delete(recordKey(PREFIX, chunk));
  await producer.campaigns.report(campaign.id);
  const rejected = service.sqs.messages('local-analytics-dlq.fifo')[0]?.attributes.job?.StringValue ?? '';
  return { dead: dead.id, held: held.id, planned: planned.id, attached: attached.id, campaign: campaign.id, rejected };
}

/** A producer that reads its settings from the parameter of the stack. */
function startProducer({ packaged, recorder: { url, targets } }: RecordedService): Producer {
  const { Properties } = packaged.resources.ProducerParameter ?? {};
  const { 'Fn::Sub': text = '' } = (Properties?.Value ?? {}) as { 'Fn::Sub'?: string };
  targets.ssm = JSON.stringify({ Parameter: { Value: text.replaceAll(`\${AWS::AccountId}`, ACCOUNT) } });
  return realProducer({
    ...{ instance: 'local', region: REGION, credentials: { accessKeyId: 'producer', secretAccessKey: 'local' } },
    ownFiles: true,
    endpoints: { sqs: url, s3: url, dynamodb: url, ssm: url },
  });
}

const TICKETS = { method: 'POST', path: '/api/v2/tickets' };

const NO_FILE = `${PREFIX}/_attachments/feedback/none`;
const GOING = `${PREFIX}/_attachments/feedback/going`;
const FILE = { name: 'a.txt', contentType: 'text/plain' };
const attachment = (key: string) => ({ key, ...FILE });

export async function drop({ ports: { table } }: WatchedService, key: string): Promise<JobRow> {
  const row = (await table.get(key)) as unknown as JobRow;
  await table.delete(key, row.version);
  return row;
}

/** Sends the form as a user's browser does. S3 takes it as a call of the producer that signed it. */
async function upload(producer: Producer): Promise<string> {
  const { url, fields, key } = await producer.attachments.upload({ ...FILE, principal: 'me' });
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append('file', new Blob(['Hello'], { type: FILE.contentType }));
  await fetch(url, { method: 'POST', body });
  return key;
}

/** What happens seldom: a failed try, forged messages, and vendors that refuse our keys. After it, no job runs. */
export async function recordedTrouble({ service, recorder }: RecordedService, { dead }: Left): Promise<void> {
  const { zendesk, sendgrid, appStoreConnect, discord, ports, deployment } = service;
  const { table } = ports;
  await service.until('the retried job', async () => (await service.job(dead)).state === 'succeeded');

  const feedback = feedbackOf('ada@example.com');
  zendesk.fail({ ...TICKETS, status: 500, times: 3 });
  await sendEvent(service, 'feedback.submitted.v1', { data: feedback });
  await sendEvent(service, 'email.message.v1', { data: { ...MAIL, to: { email: 'unheard-2@example.com' } } });
  const [large, text] = [randomUUID(), JSON.stringify(feedback)];
  const dataref = dataKey(PREFIX, { queue: 'feedback', id: large, sha256: sha256(text) });
  await ports.objects.put(dataref, text, 'application/json');
  await sendEvent(service, 'feedback.submitted.v1', { id: large, dataref, datasha256: sha256(text) });
  const none = { queue: 'emails', id: randomUUID(), sha256: '0'.repeat(64) };
  const lost = { id: none.id, dataref: dataKey(PREFIX, none), datasha256: none.sha256 };
  await sendEvent(service, 'email.message.v1', lost);

  // The first names a job that is not there. The others look as if they came back from the DLQ: one whose row a newer
  // release wrote, and two that are older than rows are kept.
  const [id, time] = [randomUUID(), new Date(Date.now() - 48 * HOUR_MS).toISOString()];
  await sendRaw(service, 'feedback', PLACEHOLDER, { job: id });
  await table.put({ key: jobKey('feedback', id), version: 1, writer: '', schema: 99 }, 0);
  await sendEvent(service, 'feedback.submitted.v1', { id, data: feedback }, { returned: '1' });
  await sendEvent(service, 'feedback.submitted.v1', { time, data: feedback }, { returned: '1' });
  const data = { events: [{ id, name: 'opened', time }] };
  await sendEvent(service, 'analytics.events.v1', { id, time, data }, { job: id, returned: '1' });

  // A lifecycle rule removes objects that a worker is about to compare with its own.
  const going = ['analytics-originals', 'analytics-late', 'analytics-rejected'];
  recorder.before = async ({ who, action, resource }) => {
    const at = going.findIndex((folder) => resource.includes(`/${folder}/`));
    if (at < 0 || who !== 'analytics' || action !== 's3:GetObject') return;
    going.splice(at, 1);
    await ports.objects.delete(resource.slice(resource.indexOf('/') + 1));
  };
  await sendOldEvents(service);

  await leaveWitnesses({ service, recorder });

  discord.fail({ bodyContains: 'unwanted', status: 404, times: 'forever' });
  const publish = (alarm: unknown) => deployment.publishAlarm({ subject: 'ALARM', text: JSON.stringify(alarm) });
  // More jobs than the chat knows to be dead.
  const Trigger = { Threshold: 1_000 };
  await publish(alarmChange({ AlarmName: 'local-feedback-dlq-depth', Trigger }));
  await publish(alarmChange({ AlarmName: 'local-feedback-oldest-message' }));
  await publish(aFact({ fact: 'reconciler-failing', subject: '' }));
  await publish(aFact({ fact: 'vendor-limited', subject: 'zendesk', code: 'paused' }));
  await publish('unwanted');

  const isSeen = (who: string, what: RegExp) => () =>
    recorder.calls().some((call) => call.who === who && what.test(`${call.action} ${JSON.stringify(call)}`));
  for (const [who, what] of [
    ['feedback', /^sqs:ChangeMessageVisibility/],
    ['feedback', /^s3:ListBucket .*_attachments/],
    ['feedback', /^s3:ListBucket .*_bodies/],
    ['feedback', /^s3:ListBucket .*jobs\/feedback/],
    ['feedback', /^dynamodb:DeleteItem .*trial#/],
    ['feedback', /^s3:DeleteObject .*_witness/],
    ['feedback', /^s3:ListBucket .*_witness/],
    ['emails', /^s3:ListBucket .*_data/],
    ['emailEvents', /^dynamodb:GetItem .*evidence#/],
    ['analytics', /^s3:ListBucket .*jobs\/analytics\//],
    ['analytics', /^s3:ListBucket .*analytics-originals/],
    ['analytics', /^s3:ListBucket .*analytics-late/],
    ['analytics', /^s3:ListBucket .*analytics-rejected/],
    ['alarms', /^sqs:SendMessage/],
    ['alarms', /^dynamodb:GetItem .*vendor#/],
  ] as const)
    await service.until(`${who} ${what}`, isSeen(who, what));

  for (const vendor of [zendesk, sendgrid, appStoreConnect]) vendor.fail({ status: 401, times: 'forever' });
  await sendEvent(service, 'feedback.submitted.v1', { data: feedback });
  await sendEvent(service, 'email.message.v1', { data: { ...MAIL, to: { email: 'ada@example.com' } } });
  const invited = { app: LOCAL_APP.id, groups: [LOCAL_APP.group], email: 'new-2@example.com' };
  await sendEvent(service, 'testflight.invite.v1', { data: invited });
  const isOpen = (vendor: string) => async () => (await table.get(vendorKey(vendor)))?.stoppedAt !== undefined;
  for (const vendor of ['zendesk', 'sendgrid', 'app-store-connect'])
    await service.until(`the circuit of ${vendor}`, isOpen(vendor));
}

/**
 * The table refuses the writes of a run until it has left a witness. Two other jobs look as if their last run had
 * crashed: the message of one comes, and that of the other is in the DLQ.
 */
async function leaveWitnesses({ service, recorder }: Omit<RecordedService, 'packaged'>): Promise<void> {
  const [refused, ...crashed] = [randomUUID(), randomUUID(), randomUUID()];
  const { before } = recorder;
  let writes = 0;
  recorder.before = async (call) => {
    const isWrite = call.action === 'dynamodb:PutItem' && JSON.stringify(call.context).includes(refused);
    const isLeft = () =>
      recorder.calls().some(({ action, resource }) => /Put/.test(action) && /_witness/.test(resource));
    // The first is the claim.
    return isWrite && !isLeft() && ++writes > 1 ? 'refuse' : before(call);
  };
  const data = feedbackOf('ada@example.com');
  await sendEvent(service, 'feedback.submitted.v1', { id: refused, data });
  for (const [index, id] of crashed.entries()) {
    const head = { specversion: '1.0' as const, id, type: 'feedback.submitted.v1', source: '/my/api' };
    const envelope = { ...head, time: new Date().toISOString(), data };
    const row = newRow({ queue: 'feedback', envelope, now: Date.now(), random: memoryRandom() });
    const lease = { token: randomUUID(), until: 1, messageId: 'of its last run' };
    await service.ports.table.put({ ...row, state: inState('processing'), crashes: index, lease }, 0);
    await sendRaw(service, index === 0 ? 'feedback' : 'feedback-dlq', JSON.stringify(envelope), tokenOf(row));
  }
}

/** Sends an event as a sender in another language does. */
async function sendEvent(
  service: WatchedService,
  type: string,
  event: Record<string, unknown>,
  attributes: Record<string, string> = {},
): Promise<void> {
  const [queue = ''] = type.replace('email', 'emails').split('.');
  const head = { specversion: '1.0', id: randomUUID(), type, source: '/my/api', time: new Date().toISOString() };
  await sendRaw(service, queue, JSON.stringify({ ...head, ...event }), attributes);
}

/** Sends a message as a program does that does not have our producer. */
export async function sendRaw(
  { endpoints, ports }: WatchedService,
  queue: string,
  body: string,
  attributes: Record<string, string> = {},
): Promise<void> {
  const url = `${endpoints.sqs}/${ACCOUNT}/local-${queue}.fifo`;
  await ports.queues.send(url, { body, attributes, groupId: randomUUID(), deduplicationId: randomUUID() });
}

/** Events of an hour that becomes Parquet. Each message comes twice, as from a sender that got no answer. */
async function sendOldEvents(service: WatchedService): Promise<void> {
  const time = new Date(Date.now() - 5 * HOUR_MS).toISOString();
  for (const id of [randomUUID(), randomUUID()])
    for (const data of Array(2).fill({ events: [{ id, name: 'opened', time }, { id }] }))
      await sendEvent(service, 'analytics.events.v1', { id, time, data });
}
