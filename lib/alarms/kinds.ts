import { VENDORS } from '../errors';

/** What an alarm is about: a queue, a function, a vendor, or the instance as a whole. */
export type Scope = 'queue' | 'function' | 'vendor' | 'instance';

/** One kind of alarm. Its key ends the alarm's name and is the anchor of its section in docs/runbook.md. */
export interface Kind {
  scope: Scope;
  /** What happened, as a title. */
  title: string;
  /** What it means, in one or two sentences. */
  means: string;
  /** The unit of the value and of the threshold. */
  unit: 'count' | 'seconds' | 'milliseconds' | 'percent' | 'share';
  /** The `sls` command that shows more, without the options that select the deployment. `{}` stands for the subject. */
  look: string;
  /** The `sls` command to run next, if needed after a fix. */
  next: string;
  /** With lean monitoring the reconciler evaluates it from the table, and no CloudWatch alarm exists for it. */
  judged?: true;
  /**
   * Kinds that explain this one: while one of them is firing for the same subject, the chat gets no message of its own.
   */
  follows?: readonly string[];
}

/** Every kind of alarm. The alarms, their descriptions, the messages and the runbook follow from this table. */
export const KINDS = {
  'dlq-depth': {
    scope: 'queue',
    title: 'Jobs in the dead-letter queue',
    means: 'These jobs are dead. They need a fix before they can succeed.',
    unit: 'count',
    look: 'jobs list --state dead --queue {}',
    next: 'jobs retry --state dead --queue {}',
    judged: true,
  },
  'dlq-age': {
    scope: 'queue',
    title: 'A dead-letter queue entry will soon expire',
    means: 'SQS deletes an entry without notice when its retention ends.',
    unit: 'seconds',
    look: 'jobs list --state dead --queue {}',
    next: 'jobs retry --state dead --queue {}',
    judged: true,
  },
  held: {
    scope: 'queue',
    title: 'A job has been held for a long time',
    means: 'The job waits outside the queue for a vendor, for another job or for an operator.',
    unit: 'milliseconds',
    look: 'jobs list --queue {} --state held',
    next: 'jobs show JOB --queue {}',
    judged: true,
  },
  returned: {
    scope: 'queue',
    title: 'Messages were returned to their queue',
    means: 'SQS dead-lettered messages that no worker had tried. The reconciler returned them to their queue.',
    unit: 'count',
    look: 'logs -f {} --startTime 1h',
    next: 'deploy',
    judged: true,
    follows: ['errors', 'throttles'],
  },
  expired: {
    scope: 'queue',
    title: 'Jobs expired in their queue',
    means: 'The retention of the queue ended, so SQS deleted their messages before the jobs finished.',
    unit: 'count',
    look: 'jobs list --queue {} --state dead',
    next: 'jobs retry JOB --queue {}',
    judged: true,
  },
  age: {
    scope: 'queue',
    title: 'A message has waited for a long time',
    means: 'Retries alone do not explain the age of the oldest message.',
    unit: 'seconds',
    look: 'jobs list --queue {} --state queued',
    next: 'logs -f {} --startTime 1h',
    follows: ['errors', 'throttles', 'canary', 'stalled', 'backlog'],
  },
  backlog: {
    scope: 'queue',
    title: 'Messages pile up',
    means: 'Messages arrive faster than the workers finish them.',
    unit: 'count',
    look: 'jobs list --queue {} --state queued',
    next: 'deploy',
    judged: true,
    follows: ['errors', 'throttles', 'canary', 'stalled', 'age'],
  },
  stalled: {
    scope: 'queue',
    title: 'The queue is stalled',
    means: 'Old messages are waiting, and no job finishes.',
    unit: 'count',
    look: 'logs -f {} --startTime 1h',
    next: 'deploy',
    judged: true,
    follows: ['errors', 'throttles', 'canary', 'age'],
  },
  'error-rate': {
    scope: 'queue',
    title: 'Too many jobs fail',
    means: 'Too many of the jobs that ended are dead.',
    unit: 'percent',
    look: 'jobs list --state dead --queue {}',
    next: 'jobs retry --state dead --queue {}',
    judged: true,
    follows: ['dlq-depth'],
  },
  slow: {
    scope: 'queue',
    title: 'Jobs take too long',
    means: 'The average time from due to finish is too long.',
    unit: 'milliseconds',
    look: 'jobs list --queue {} --state processing',
    next: 'deploy',
    judged: true,
    follows: ['backlog', 'age'],
  },
  canary: {
    scope: 'queue',
    title: 'Canaries are late',
    means: 'Test jobs did not finish before the next one was due. The queue or its worker does not work.',
    unit: 'share',
    look: 'logs -f {} --startTime 1h',
    next: 'deploy',
    judged: true,
    follows: ['errors', 'throttles', 'stalled', 'backlog'],
  },
  errors: {
    scope: 'function',
    title: 'The function fails',
    means: 'It crashed, ran out of time or could not start. Its work is tried again.',
    unit: 'count',
    look: 'logs -f {} --startTime 1h',
    next: 'deploy',
  },
  throttles: {
    scope: 'function',
    title: 'The function is throttled',
    means: 'The concurrency of the account or of the function is used up.',
    unit: 'count',
    look: 'metrics -f {}',
    next: 'deploy',
  },
  duration: {
    scope: 'function',
    title: 'The function runs close to its time-out',
    means: 'A slower call would end the function before it stores what it did.',
    unit: 'milliseconds',
    look: 'metrics -f {}',
    next: 'logs -f {} --startTime 1h',
    judged: true,
    follows: ['errors'],
  },
  stopped: {
    scope: 'vendor',
    title: "A vendor's circuit breaker is open",
    means:
      'The vendor is down or refuses our calls. Its jobs are held, and trial calls check whether it works again. Renew the key only if the code says that it refuses us.',
    unit: 'count',
    look: 'jobs list --state held',
    next: 'logs -f reconciler --startTime 1h',
    judged: true,
  },
  reconciler: {
    scope: 'instance',
    title: 'The reconciler does not run',
    means:
      'Until it runs again, held jobs stay held. Nothing is lost. After the first deployment of an instance, this alarm ends within minutes.',
    unit: 'count',
    look: 'logs -f reconciler --startTime 1h',
    next: 'deploy',
  },
  'reconciler-failures': {
    scope: 'instance',
    title: 'A part of the reconciler fails',
    means: 'One kind of its work fails, for one job or for all. Its other work continues.',
    unit: 'count',
    look: 'logs -f reconciler --startTime 1h',
    next: 'reconcile --repair',
    judged: true,
  },
  'illegal-transition': {
    scope: 'instance',
    title: 'An illegal change of a job was refused',
    means: 'This is a fault of our code. The worker or the reconciler leaves the job and its message as they are.',
    unit: 'count',
    look: 'logs -f WORKER --startTime 1h',
    next: 'deploy',
    judged: true,
  },
  'access-denied': {
    scope: 'instance',
    title: 'AWS denied a function access',
    means:
      'A permission or a secret is missing, or a function did what it must not do. The code in its log says which.',
    unit: 'count',
    look: 'logs -f FUNCTION --startTime 1h',
    next: 'deploy',
    judged: true,
  },
  'campaign-paused': {
    scope: 'instance',
    title: 'A campaign was paused automatically',
    means:
      'The vendor refused too much of it, or our configuration is wrong. The campaign sends nothing until you resume it.',
    unit: 'count',
    look: 'campaign list',
    next: 'campaign resume --id CAMPAIGN',
    judged: true,
  },
  'no-events': {
    scope: 'instance',
    title: 'Delivery events are missing',
    means: 'SendGrid accepted mails but has sent no events about them.',
    unit: 'count',
    look: 'campaign report --id CAMPAIGN',
    next: 'info',
    judged: true,
  },
  'webhook-refused': {
    scope: 'instance',
    title: 'The event webhook refuses requests',
    means: 'SendGrid signs with a key that is not configured, or another sender calls the public URL.',
    unit: 'count',
    look: 'metrics -f emailEvents',
    next: 'deploy',
    judged: true,
  },
  compaction: {
    scope: 'instance',
    title: 'Analytics objects are not merged',
    means: 'Merging failed in several runs. No event is lost, but there are more and smaller objects.',
    unit: 'count',
    look: 'logs -f compaction --startTime 1h',
    next: 'deploy',
    judged: true,
  },
  incidents: {
    scope: 'instance',
    title: 'Alarms cannot be evaluated or sent',
    means:
      'With lean monitoring the reconciler evaluates most alarms. It could not do so, or could not send its messages.',
    unit: 'count',
    look: 'logs -f reconciler --startTime 1h',
    next: 'deploy',
    follows: ['reconciler'],
  },
  undelivered: {
    scope: 'instance',
    title: 'Alarms could not be delivered',
    means: 'Discord did not accept them. They are in the queue of undelivered alarms.',
    unit: 'count',
    look: 'logs -f alarms --startTime 1h',
    next: 'deploy',
  },
} satisfies Record<string, Kind>;

export type AlarmKind = keyof typeof KINDS;

/** The alarms that a paused queue explains. */
const ABOUT_WAITING: readonly AlarmKind[] = ['age', 'backlog', 'stalled', 'canary', 'held', 'slow', 'expired'];
export const isAboutWaiting = (kind: AlarmKind): boolean => ABOUT_WAITING.includes(kind);

/** `{instance}[-{subject}]-{kind}`. The template and the messages both rely on this format. */
export const alarmName = (instance: string, kind: AlarmKind, subject = ''): string =>
  [instance, subject, kind].filter(Boolean).join('-');

/** The functions of an instance that are not the worker of a queue, by their keys in serverless.yml. */
const SERVICE_FUNCTIONS = ['reconciler', 'emailEvents', 'compaction', 'alarms'];

/** The possible subjects of an alarm, for the queues of an instance. */
const SUBJECTS: Record<Scope, (queues: readonly string[]) => readonly string[]> = {
  queue: (queues) => queues,
  function: (queues) => [...queues, ...SERVICE_FUNCTIONS],
  vendor: () => VENDORS,
  instance: () => [''],
};

/**
 * Reads kind and subject from an alarm's name. `undefined`: not one of our alarms. It compares whole names, because the
 * name of another instance may begin with ours.
 */
export function parseAlarmName(
  name: string,
  { instance, queues }: { instance: string; queues: readonly string[] },
): { kind: AlarmKind; subject: string } | undefined {
  for (const kind of Object.keys(KINDS) as AlarmKind[])
    for (const subject of SUBJECTS[KINDS[kind].scope](queues))
      if (alarmName(instance, kind, subject) === name) return { kind, subject };
  return undefined;
}

/** The link to a kind's section in the runbook. */
export const runbookOf = (kind: AlarmKind, base: string): string => `${base || 'docs/runbook.md'}#${kind}`;
