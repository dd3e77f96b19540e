import { todoKey } from '../../engine/jobs/keys';
import { isRefusal } from '../../platform/errors';
import { timeText } from '../../platform/text';
import { type AnyKind, isAboutWaiting, KINDS } from '../alarms/kinds';
import type { Deployment } from './operator';
import { type Counted, type Overview, overview, type QueueFigures } from './overview';

/** Something that is wrong now, about a queue, a vendor, a campaign, or the instance (an empty `subject`). */
export interface Problem {
  /** A kind of the runbook, or what the chat has no message about. */
  kind: AnyKind | 'mapping-off' | 'queue-paused';
  subject: string;
  what: string;
  jobs?: Counted | undefined;
  /** ms since 1970. */
  since?: number | undefined;
  /** What to do. It introduces the command. */
  advice: string;
  /** The next `sls` command, without the options that select the deployment. */
  next: string;
  /** Nothing waits for it, and nothing has to be done. */
  harmless?: boolean;
}

/** The goal for the time from due to finish. */
const GOAL_SECONDS = 30;
/** A run of the reconciler ends each minute. Its alarm goes off after the same time. */
const RECONCILER_MS = 5 * 60_000;

/** What causes others or stops jobs, the worst first. All other kinds come after these. */
const WORST: readonly Problem['kind'][] = [
  ...(['reconciler-missing', 'function-errors', 'function-throttles', 'access-denied', 'mapping-off'] as const),
  ...(['circuit-open', 'oldest-message', 'canary-late', 'dlq-depth', 'jobs-dead'] as const),
];

export async function health(deps: Deployment): Promise<{ at: number; problems: Problem[]; notes: Problem[] }> {
  const figures = await overview(deps, { activity: false });
  return { at: figures.at, ...(await problemsOf(deps, figures)) };
}

/**
 * What the figures of a deployment say is wrong, the worst first, and `notes` of what is harmless. A firing alarm is
 * left out if another problem explains it. If a service of AWS does not answer, it rejects with a StoreError, because an
 * unknown state is not a healthy one.
 */
export async function problemsOf(deps: Deployment, figures: Overview) {
  const ofQueues = await Promise.all(figures.queues.map((queue) => ofQueue(deps, queue, figures)));
  const problems = [...ofReconciler(figures), ...ofVendors(figures), ...ofQueues.flat()];
  const alarms = figures.alarms.flatMap((alarm) => (alarm.offAt === undefined ? [ofAlarm(alarm)] : []));
  for (const alarm of worstFirst(alarms))
    if (!problems.some((problem) => explains(problem, alarm))) problems.push(alarm);
  const all = worstFirst(problems);
  return { problems: all.filter(({ harmless }) => !harmless), notes: all.filter(({ harmless }) => harmless) };
}

function worstFirst<P extends Problem>(problems: readonly P[]): P[] {
  const place = ({ kind }: Problem) => (WORST.includes(kind) ? WORST.indexOf(kind) : WORST.length);
  return problems.toSorted((a, b) => place(a) - place(b) || (a.since ?? 0) - (b.since ?? 0));
}

function ofReconciler({ at, reconciledAt: since }: Overview): Problem[] {
  if (since !== undefined && at - since < RECONCILER_MS) return [];
  const { title: what, inspect: next } = KINDS['reconciler-missing'];
  const advice = 'Held jobs stay held until it runs. Read its log:';
  return [{ kind: 'reconciler-missing', subject: '', what, since, advice, next }];
}

function ofVendors({ vendors, queues }: Overview): Problem[] {
  const open = vendors.filter(({ circuit }) => circuit !== 'closed');
  return open.map(({ vendor: subject, since, code = '', trial }) => {
    const held = queues.flatMap((queue) => queue.held[subject] ?? []);
    const jobs = { count: held.reduce((sum, { count }) => sum + count, 0), more: held.some(({ more }) => more) };
    const harmless = jobs.count === 0;
    const refuses = isRefusal(code);
    const what = `${refuses ? 'refuses our calls' : 'is down'} (${code})`;
    const todo = refuses ? 'Renew the key, sign the agreement, or correct the file.' : 'Wait.';
    const first = harmless ? 'No job waits for it, so the next job makes the trial call.' : '';
    const advice = [todo, first, trial, 'To make the call now:'].filter(Boolean).join(' ');
    return { kind: 'circuit-open', subject, what, jobs, since, advice, next: `vendors try ${subject}`, harmless };
  });
}

async function ofQueue(
  { table }: Deployment,
  { queue: subject, visible, inFlight, oldestSeconds = 0, dead, leaving, held, receives, pause }: QueueFigures,
  { at, alarms }: Overview,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const add = (kind: Problem['kind'], what: string, rest: Omit<Problem, 'kind' | 'subject' | 'what'>) =>
    problems.push({ kind, subject, what, ...rest });
  const first = async (kind: 'dead' | 'unknown') =>
    (await table.due(todoKey(subject, kind), { until: Number.MAX_SAFE_INTEGER, limit: 1 }))[0]?.todoAt;
  const waiting = { count: visible + inFlight, more: false };
  const list = `jobs list --queue ${subject}`;
  const resume = `queues resume --queue ${subject}`;
  if (pause) {
    const { since, by, reason } = pause;
    // The name of a session may be an address.
    const what = `paused by ${by.includes('@') ? 'an operator' : by} (${reason})`;
    const advice = `${receives ? 'Lambda still receives. ' : ''}Resume it before ${timeText(pause.resumeBefore)} (UTC):`;
    add('queue-paused', what, { jobs: waiting, since, advice, next: resume });
  } else if (!receives) {
    const what = 'its event source mapping is off or missing, and no pause says why';
    add('mapping-off', what, { jobs: waiting, advice: 'Switch it on:', next: resume });
  } else if (visible > 0 && oldestSeconds > GOAL_SECONDS) {
    // With nothing visible, each message is with a worker or waits between two attempts.
    const since = at - oldestSeconds * 1000;
    const what = `the oldest message has waited for more than ${GOAL_SECONDS} s`;
    add('oldest-message', what, { jobs: waiting, since, advice: 'See the jobs:', next: `${list} --state queued` });
  }
  const unknown = held.unknown;
  if (unknown) {
    const advice = 'Look at the vendor, then settle each job:';
    const next = `${list} --job-reason unknown`;
    add('oldest-held', 'a step may have taken effect', { jobs: unknown, since: await first('unknown'), advice, next });
  }
  if (dead > 0) {
    const codes = alarms.flatMap((fact) => (fact.kind === 'jobs-dead' && fact.subject === subject ? fact.code : []));
    const what = codes.length > 0 ? `dead (${codes.join(', ')})` : 'dead';
    const jobs = { count: dead, more: false };
    const advice = 'Fix the cause, then retry or discard them:';
    add('jobs-dead', what, { jobs, since: await first('dead'), advice, next: `${list} --state dead` });
  }
  const isFiring = alarms.some((alarm) => alarm.kind === 'dlq-depth' && alarm.subject === subject);
  if (leaving > 0 || (dead === 0 && isFiring)) {
    const jobs = { count: leaving, more: false };
    const advice = 'The reconciler removes or returns them within minutes, or hours if there are thousands. See:';
    add('dlq-depth', 'its DLQ has entries of jobs that are not dead', { jobs, advice, next: 'queues', harmless: true });
  }
  return problems;
}

function ofAlarm({ kind, subject, since, title, code, jobId, count }: Overview['alarms'][number]) {
  const what = code === undefined ? title : `${title} (${code})`;
  const jobs = count === undefined ? undefined : { count, more: false };
  const next = KINDS[kind].inspect.replaceAll('{}', subject).replace('JOB', jobId ?? 'JOB');
  return { kind, subject, what, jobs, since, advice: 'Inspect it:', next };
}

/** Whether an alarm needs no line of its own. */
function explains(problem: Problem, { kind, subject }: ReturnType<typeof ofAlarm>): boolean {
  if (problem.subject !== subject && problem.subject !== '') return false;
  const { follows = [] } = KINDS[kind];
  // Jobs that expired in a paused queue are dead, and not only late.
  if (problem.kind === 'queue-paused' || problem.kind === 'mapping-off')
    return isAboutWaiting(kind) && kind !== 'jobs-expired';
  return problem.kind === kind || follows.includes(problem.kind);
}
