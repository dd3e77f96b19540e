/** What an alarm is about: a queue, a function, a vendor, or the instance as a whole. */
export type Scope = 'queue' | 'function' | 'vendor' | 'instance';

/** One kind of alarm. Its key ends the alarm's name and is the anchor of its part in docs/runbook.md. */
export interface Kind {
  scope: Scope;
  /** What has happened, in a title's length. */
  title: string;
  /** What it means. A sentence. */
  means: string;
  /** The unit of value and threshold. */
  unit: 'count' | 'seconds' | 'milliseconds' | 'percent' | 'share';
  /** `sls` command to look with, without its stage; `{}` stands for the subject. */
  look: string;
  /** … and to mend with. */
  mend: string;
}

/** Every kind of alarm there is: the alarms, their descriptions, the messages and the runbook follow from it. */
export const KINDS = {
  'dlq-depth': {
    scope: 'queue',
    title: 'Jobs in the dead-letter queue',
    means: 'These jobs cannot succeed by themselves.',
    unit: 'count',
    look: 'dlq list --queue {}',
    mend: 'dlq redrive --queue {}',
  },
  'dlq-age': {
    scope: 'queue',
    title: 'A dead-letter queue entry is about to expire',
    means: 'SQS deletes an entry at the end of its retention and tells nobody.',
    unit: 'seconds',
    look: 'dlq list --queue {}',
    mend: 'dlq redrive --queue {}',
  },
  held: {
    scope: 'queue',
    title: 'A job has been held for long',
    means: 'It waits outside the queue, for a vendor, for another job or for a person.',
    unit: 'milliseconds',
    look: 'jobs list --queue {} --state held',
    mend: 'jobs show JOB --queue {}',
  },
  returned: {
    scope: 'queue',
    title: 'Messages came back that were never tried',
    means: 'SQS dead-lettered messages that no worker had tried; they were returned to their queue.',
    unit: 'count',
    look: 'logs -f {} --startTime 1h',
    mend: 'deploy',
  },
  expired: {
    scope: 'queue',
    title: 'Jobs outlived the retention of their queue',
    means: 'SQS deleted their messages before any worker had done them.',
    unit: 'count',
    look: 'jobs list --queue {} --state dead',
    mend: 'jobs retry JOB --queue {}',
  },
  age: {
    scope: 'queue',
    title: 'A message has waited for long',
    means: 'The oldest message of the queue is older than retries explain.',
    unit: 'seconds',
    look: 'jobs list --queue {} --state queued',
    mend: 'logs -f {} --startTime 1h',
  },
  backlog: {
    scope: 'queue',
    title: 'More messages than the workers take',
    means: 'They come faster than they are done.',
    unit: 'count',
    look: 'jobs list --queue {} --state queued',
    mend: 'deploy --param {}Concurrency=N',
  },
  stalled: {
    scope: 'queue',
    title: 'The queue stands still',
    means: 'Old messages are there to be taken and none is done.',
    unit: 'count',
    look: 'logs -f {} --startTime 1h',
    mend: 'deploy',
  },
  'error-rate': {
    scope: 'queue',
    title: 'Too many jobs fail',
    means: 'The share of jobs that ended as dead is too high.',
    unit: 'percent',
    look: 'dlq list --queue {}',
    mend: 'dlq redrive --queue {}',
  },
  slow: {
    scope: 'queue',
    title: 'Jobs take too long',
    means: 'From when they are due to their end, on average.',
    unit: 'milliseconds',
    look: 'jobs list --queue {} --state processing',
    mend: 'deploy --param {}Concurrency=N',
  },
  canary: {
    scope: 'queue',
    title: 'Canaries are not done',
    means: 'Jobs that do nothing were not done before the next was due: the queue or its worker does not work.',
    unit: 'share',
    look: 'logs -f {} --startTime 1h',
    mend: 'deploy',
  },
  errors: {
    scope: 'function',
    title: 'The function fails',
    means: 'It died, ran out of time or could not start; what it was working on comes again.',
    unit: 'count',
    look: 'logs -f {} --startTime 1h',
    mend: 'deploy',
  },
  throttles: {
    scope: 'function',
    title: 'The function is throttled',
    means: "The account's or the function's concurrency is used up.",
    unit: 'count',
    look: 'metrics -f {}',
    mend: 'deploy',
  },
  duration: {
    scope: 'function',
    title: 'The function runs close to its time-out',
    means: 'The next slow call ends it before it has written down what it did.',
    unit: 'milliseconds',
    look: 'metrics -f {}',
    mend: 'logs -f {} --startTime 1h',
  },
  stopped: {
    scope: 'vendor',
    title: 'A vendor is stopped',
    means:
      'It refuses us or is down. Its jobs are held, and a trial call after each minute finds out when it is well again.',
    unit: 'count',
    look: 'jobs list --state held',
    mend: 'logs -f reconciler --startTime 1h',
  },
  reconciler: {
    scope: 'instance',
    title: 'The reconciler does not run',
    means:
      'Held jobs are not released and ends not completed while it is away; nothing is lost. With the first deployment of an instance it is over within minutes.',
    unit: 'count',
    look: 'logs -f reconciler --startTime 1h',
    mend: 'deploy',
  },
  'reconciler-failures': {
    scope: 'instance',
    title: 'A part of the reconciler fails',
    means: 'A kind of its work fails, for one job or for all. The rest goes on.',
    unit: 'count',
    look: 'logs -f reconciler --startTime 1h',
    mend: 'reconcile --repair',
  },
  'campaign-paused': {
    scope: 'instance',
    title: 'A campaign has paused itself',
    means: 'Too much of it was refused, or its configuration is wrong: nothing more is sent.',
    unit: 'count',
    look: 'campaign list',
    mend: 'campaign resume --id CAMPAIGN',
  },
  'no-events': {
    scope: 'instance',
    title: 'No delivery events come in',
    means: 'Mails were accepted, and their vendor has told nothing of them since.',
    unit: 'count',
    look: 'campaign report --id CAMPAIGN',
    mend: 'info',
  },
  compaction: {
    scope: 'instance',
    title: 'Analytics objects are not merged',
    means: 'Merging failed in run after run; the events are there, in more and smaller objects.',
    unit: 'count',
    look: 'logs -f compaction --startTime 1h',
    mend: 'deploy',
  },
  undelivered: {
    scope: 'instance',
    title: 'Alarms could not be delivered',
    means: 'Discord did not take them; they wait in their own dead-letter queue.',
    unit: 'count',
    look: 'logs -f alarms --startTime 1h',
    mend: 'deploy',
  },
} satisfies Record<string, Kind>;

export type AlarmKind = keyof typeof KINDS;

/** Names are a contract between the template and the messages: `{instance}[-{subject}]-{kind}`. */
export const alarmName = (instance: string, kind: AlarmKind, subject = ''): string =>
  [instance, subject, kind].filter(Boolean).join('-');

/** Instance, subject and kind of an alarm by its name; `undefined` where it is none of ours. */
export function parseAlarmName(name: string, instance: string): { kind: AlarmKind; subject: string } | undefined {
  if (!name.startsWith(`${instance}-`)) return undefined;
  const rest = name.slice(instance.length + 1);
  for (const kind of longestFirst) {
    if (KINDS[kind].scope === 'instance' ? rest === kind : rest.endsWith(`-${kind}`) && rest.length > kind.length + 1)
      return { kind, subject: rest.slice(0, -kind.length).replace(/-$/, '') };
  }
  return undefined;
}

/** `reconciler-failures` of the instance must not be taken for another kind of a function named `reconciler`. */
const longestFirst = (Object.keys(KINDS) as AlarmKind[]).sort(
  (a, b) => Number(KINDS[b].scope === 'instance') - Number(KINDS[a].scope === 'instance') || b.length - a.length,
);

/** Where a kind is explained. */
export const runbookOf = (kind: AlarmKind, base: string): string => `${base || 'docs/runbook.md'}#${kind}`;
