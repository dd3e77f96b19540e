import { VENDOR_DOWN, VENDOR_REFUSES } from '../../engine/jobs/row';
import type { FactKind } from '../../engine/reconcile/facts';
// The queues add kinds of facts.
import type {} from '../../queues/works';

/** One kind of message. Its key ends an alarm's name and is the anchor of its section in docs/runbook.md. */
export interface Kind {
  /** What it is about. Default: the instance. */
  scope?: 'queue' | 'vendor' | 'campaign';
  title: string;
  meaning: string;
  /** What a code of it means, said first. */
  codes?: Readonly<Record<string, string>>;
  /** The unit of an alarm's value and threshold. Default: a count. */
  unit?: 'seconds' | 'milliseconds' | 'percent' | 'share';
  /** The `sls` command that shows more, without the options that select the deployment. `{}` is the subject. */
  inspect: string;
  /** The `sls` command to run next, if needed after a fix. Default: `deploy`. */
  next?: string;
  /**
   * While one of these is firing, for the same subject or for the instance, this kind has no message of its own. A kind
   * that follows itself has one for each of its codes, and one end for all.
   */
  follows?: readonly string[];
}

const ALARMS = {
  'dlq-depth': {
    scope: 'queue',
    title: 'Jobs in the dead-letter queue',
    meaning: 'These jobs are dead. They need a fix before they can succeed.',
    inspect: 'jobs list --queue {} --state dead',
    next: 'jobs retry --queue {} --state dead',
    follows: ['jobs-dead'],
  },
  'oldest-message': {
    scope: 'queue',
    title: 'A message has waited for a long time',
    meaning: 'Retries alone do not explain the age of the oldest message.',
    unit: 'seconds',
    inspect: 'jobs list --queue {} --state queued',
    next: 'logs -f {} --startTime 1h',
    follows: ['function-errors', 'function-throttles', 'canary-late', 'jobs-slow'],
  },
  'oldest-held': {
    scope: 'queue',
    title: 'A job has been held for a long time',
    meaning: 'The job waits outside the queue for a vendor or for an operator.',
    unit: 'milliseconds',
    inspect: 'jobs list --queue {} --state held',
    next: 'jobs show JOB --queue {}',
    follows: ['reconciler-missing', 'reconciler-failing'],
  },
  'error-rate': {
    scope: 'queue',
    title: 'Too many jobs fail',
    meaning: 'Too many of the jobs that ended are dead.',
    unit: 'percent',
    inspect: 'jobs list --queue {} --state dead',
    next: 'jobs retry --queue {} --state dead',
    follows: ['dlq-depth', 'jobs-dead'],
  },
  'jobs-slow': {
    scope: 'queue',
    title: 'Jobs take too long',
    meaning: 'The average time from due to finish is too long.',
    unit: 'milliseconds',
    inspect: 'jobs list --queue {} --state processing',
    next: 'logs -f {} --startTime 1h',
    follows: ['function-errors', 'function-throttles', 'canary-late', 'oldest-message'],
  },
  'canary-late': {
    scope: 'queue',
    title: 'Canaries are late',
    meaning: 'Test jobs did not finish before the next one was due. The queue or its worker does not work.',
    unit: 'share',
    inspect: 'queues',
    next: 'logs -f {} --startTime 1h',
    follows: ['function-errors', 'function-throttles', 'oldest-message', 'jobs-slow'],
  },
  'events-rejected': {
    title: 'Too many events are rejected',
    meaning: 'The API or an app sends events that break a rule. They are kept, and can be sent again after a fix.',
    unit: 'percent',
    inspect: 'analytics',
    next: 'analytics replay',
  },
  'function-errors': {
    title: 'A function fails',
    meaning:
      'It crashed, ran out of time or could not start. Its work is tried again. The graph "Functions: errors" of the dashboard shows which function.',
    inspect: 'queues',
    next: 'logs -f FUNCTION --startTime 1h',
  },
  'function-throttles': {
    title: 'A function is throttled',
    meaning:
      'The concurrency of the account is used up. The graph "Functions: throttles" of the dashboard shows which function.',
    inspect: 'queues',
  },
  'reconciler-missing': {
    title: 'The reconciler does not run',
    meaning:
      'Until it runs again, held jobs stay held. Nothing is lost. After the first deployment of an instance, this alarm ends within minutes.',
    inspect: 'logs -f reconciler --startTime 1h',
    follows: ['function-errors', 'function-throttles'],
  },
  'illegal-transition': {
    title: 'An illegal change of a job was refused',
    meaning:
      'A message that is not one of ours named a job, and opened nothing. Or our code has a fault. The log line says which.',
    inspect: 'logs -f WORKER --startTime 1h',
  },
  'access-denied': {
    title: 'AWS denied a function access',
    meaning:
      'A permission or a secret is missing, or a function did what it must not do. The code in its log says which.',
    inspect: 'logs -f FUNCTION --startTime 1h',
  },
  bug: {
    title: 'The code has a fault',
    meaning:
      'A function met an error that no code expected. Its work is tried again. The table "Faults of the code" of the dashboard shows where.',
    inspect: 'logs -f FUNCTION --startTime 1h',
  },
  'alarms-not-sent': {
    title: 'The reconciler cannot send its alarms',
    meaning: 'SNS takes no messages from it. It tries again every minute.',
    inspect: 'logs -f reconciler --startTime 1h',
  },
  'alarms-undelivered': {
    title: 'Alarms could not be delivered',
    meaning: 'Discord did not accept them. They are in the queue of undelivered alarms.',
    inspect: 'logs -f alarms --startTime 1h',
  },
  'webhook-undelivered': {
    title: 'Ends of jobs did not reach the webhook',
    meaning: 'The API refused them, or did not answer for a day. They are in the queue of undelivered ends.',
    inspect: 'info --verbose',
  },
} satisfies Record<string, Kind>;

/** What the reconciler knows and no metric shows. */
const FACTS = {
  'circuit-open': {
    scope: 'vendor',
    title: 'A vendor does not work',
    codes: {
      [VENDOR_DOWN]: 'The vendor is down. Wait: a new key does not help.',
      [VENDOR_REFUSES]: 'The vendor refuses our calls. Renew the key, sign the agreement, or correct the file.',
    },
    meaning:
      'Its circuit breaker is open, or no call has worked for ten minutes. Its jobs are held, a confirmation at most as long as `waits.confirmation` says, and trial calls check whether it works again.',
    follows: ['circuit-open'],
    inspect: 'jobs list --vendor {} --state held',
    next: 'vendors try {}',
  },
  'vendor-limited': {
    scope: 'vendor',
    title: 'An operator limits a vendor',
    meaning: 'While it is paused, its jobs are held. A rate applies in place of the setting, also after a deployment.',
    inspect: 'vendors',
    next: 'vendors resume {}',
  },
  'vendor-throttles': {
    scope: 'vendor',
    title: 'A vendor asks us to wait',
    meaning:
      'Jobs have waited for five minutes, because the vendor limits our calls. They go on by themselves. If that happens often, get a larger limit.',
    inspect: 'jobs list --vendor {} --state held',
    next: 'vendors',
    follows: ['circuit-open'],
  },
  'campaign-paused': {
    scope: 'campaign',
    title: 'A campaign was paused automatically',
    meaning:
      'Too many mails bounced or were reported as spam, SendGrid refused too much, or our configuration is wrong. The campaign sends nothing until you resume it.',
    inspect: 'campaign report --id {}',
    next: 'campaign resume --id {}',
  },
  'campaign-expired': {
    scope: 'campaign',
    title: 'A campaign did not end in time',
    meaning: 'It is cancelled, because the bucket deletes its recipients soon. Those that have no mail yet get none.',
    inspect: 'campaign report --id {}',
    next: 'campaign list',
  },
  'events-missing': {
    scope: 'campaign',
    title: 'Delivery events are missing',
    meaning: 'SendGrid accepted mails but has sent no events about most of them.',
    inspect: 'campaign report --id {}',
    next: 'info',
  },
  'messages-returned': {
    scope: 'queue',
    title: 'Messages were returned to their queue',
    meaning: 'SQS dead-lettered messages that no worker had tried. The reconciler returned them to their queue.',
    inspect: 'logs -f {} --startTime 1h',
    next: 'jobs show JOB --queue {}',
    follows: ['function-errors', 'function-throttles'],
  },
  'jobs-expired': {
    scope: 'queue',
    title: 'Jobs expired in their queue',
    meaning: 'The retention of the queue ended, so SQS deleted their messages before the jobs finished.',
    inspect: 'jobs show JOB --queue {}',
    next: 'jobs retry JOB --queue {}',
  },
  'jobs-unclaimed': {
    scope: 'queue',
    title: 'The message of a job is missing',
    meaning:
      'No worker has claimed the job, and its queue is empty. Its body is not kept, so its caller must send it again.',
    inspect: 'jobs show JOB --queue {}',
  },
  'jobs-dead': {
    scope: 'queue',
    title: 'Jobs are dead',
    meaning: 'They need a fix before they can succeed.',
    inspect: 'jobs show JOB --queue {}',
    next: 'jobs retry JOB --queue {}',
    follows: ['dlq-depth'],
  },
  'row-damaged': {
    scope: 'queue',
    title: 'The row of a job is damaged',
    meaning: 'The job waits until you restore its row from point-in-time recovery.',
    inspect: 'jobs show JOB --queue {}',
    next: 'verify',
  },
  'item-damaged': {
    title: 'A shared item of the table is damaged',
    meaning:
      'The jobs that need this vendor, campaign or queue wait until you restore the item from point-in-time recovery.',
    inspect: 'vendors',
    next: 'jobs list --state held',
  },
  'hour-too-large': {
    title: 'An hour of events is too large',
    meaning:
      'The function that writes hours as Parquet leaves it to Athena or DuckDB. Queries see its events for three days only, until you write it.',
    inspect: 'logs -f hours --startTime 1h',
  },
  'data-differs': {
    title: 'Stored data does not agree',
    meaning: 'The check of yesterday found what breaks a promise, or did not finish. The code says which.',
    inspect: 'verify',
    next: 'verify --repair',
  },
  'reconciler-failing': {
    title: 'A part of the reconciler fails',
    meaning: 'One kind of its work has failed for 15 minutes, for one job or for all. Its other work continues.',
    inspect: 'logs -f reconciler --startTime 1h',
  },
} satisfies Record<FactKind, Kind>;

/** Every kind of message. The alarms, their descriptions, the messages and the runbook follow from this table. */
export const KINDS: Record<AnyKind, Kind> = { ...ALARMS, ...FACTS };

export type AlarmKind = keyof typeof ALARMS;
export type AnyKind = AlarmKind | FactKind;
export const FACT_KINDS = Object.keys(FACTS) as [FactKind, ...FactKind[]];
export const isFact = (kind: AnyKind): kind is FactKind => kind in FACTS;

/** What a paused queue explains. */
const ABOUT_WAITING: readonly AnyKind[] = ['oldest-message', 'canary-late', 'oldest-held', 'jobs-slow', 'jobs-expired'];
export const isAboutWaiting = (kind: AnyKind): boolean => ABOUT_WAITING.includes(kind);

/** `{instance}[-{queue}]-{kind}[-{part}]`. The template and the messages both rely on this format. */
export const alarmName = (instance: string, kind: AlarmKind, queue = '', part?: number): string =>
  [instance, queue, kind, part].filter(Boolean).join('-');

/** Compares whole names, because another instance's name may begin with ours. `undefined`: not one of our alarms. */
export function parseAlarmName(name: string, { instance, queues }: { instance: string; queues: readonly string[] }) {
  for (const kind of Object.keys(ALARMS) as AlarmKind[])
    for (const subject of KINDS[kind].scope === 'queue' ? queues : [''])
      if (alarmName(instance, kind, subject) === name.replace(/-\d+$/, '')) return { kind, subject };
  return undefined;
}

export const runbookOf = (kind: AnyKind, base: string): string => `${base || 'docs/runbook.md'}#${kind}`;
