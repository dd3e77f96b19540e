import { DAMAGED, type Limit, type Pause, readPause, writeItem } from '../../engine/jobs/items';
import { pauseKey } from '../../engine/jobs/keys';
import type { JobRow } from '../../engine/jobs/row';
import { releaseTrial } from '../../engine/reconcile/release';
import { type Circuit, isOpen, limitsOf, nextTrialAt } from '../../engine/worker/circuit';
import type { Vendor } from '../../platform/errors';
import type { MetricQuery } from '../../platform/ports';
import { exactLine, timeText } from '../../platform/text';
import { type Deployment, type OperatorDeps, OperatorError } from './operator';

/** CloudWatch is some minutes late with the age of the oldest message. */
const LOOK_BACK_MS = 15 * 60_000;
const PERIOD_SECONDS = 60;
/** SQS deletes a message at the end of the retention. From half of it on, a pause is a risk. */
const SAFE_PART = 0.5;

/** When the oldest message of a queue has waited for half of the retention, ms since 1970. */
export const resumeBefore = (oldestAt: number, { retention }: { retention: number }): number =>
  oldestAt + retention * 1000 * SAFE_PART;

/** The age of the oldest message in seconds, as CloudWatch has it. A queue's URL ends with its name. */
export const oldestMetric = (url: string): MetricQuery => ({
  namespace: 'AWS/SQS',
  name: 'ApproximateAgeOfOldestMessage',
  statistic: 'Maximum',
  dimensions: { QueueName: url.slice(url.lastIndexOf('/') + 1) },
});

/**
 * Pauses a queue: Lambda receives none of its messages, so no message burns a receive, and the order holds. The pause
 * is stored first, so a repeat completes one that was cut off. A queue that is paused keeps its first reason, and a
 * resume at the same time counts as earlier. Rejects with an OperatorError if a message has waited for half of the
 * retention.
 */
export async function pauseQueue(
  deps: Deployment,
  { queue, reason }: { queue: string; reason: string },
): Promise<{ pause: Pause; resumeBefore: number }> {
  const { clock, settings, monitoring, queueUrl, by } = deps;
  const at = clock.now();
  const whose = decided({ by, at, reason });
  await requireMapping(deps, queue);
  const window = { from: at - LOOK_BACK_MS, to: at, periodSeconds: PERIOD_SECONDS };
  const [ages = []] = await monitoring.series([oldestMetric(queueUrl(queue))], window);
  const oldestAt = at - (ages.at(-1)?.value ?? 0) * 1000;
  const before = resumeBefore(oldestAt, settings(queue));
  const stored = await readPause(deps, queue);
  if (!stored && before <= at)
    throw new OperatorError(
      `The oldest message of ${queue} has waited since ${timeText(oldestAt)} (UTC). That is more than half of the queue's retention, after which SQS deletes it. Let the workers finish it before you pause the queue.`,
    );
  const item: Pause = { key: pauseKey(queue), version: 0, writer: '', ...whose };
  if (!stored && !(await writeItem(deps, item, 0)).written)
    throw new OperatorError(`Another operator has just paused ${queue}. Look at it again.`);
  if (!(await followPause(deps, queue))) return pauseQueue(deps, { queue, reason });
  return { pause: stored ?? item, resumeBefore: before };
}

/** Who decides what, as it is stored. Rejects with an OperatorError for a reason that is not one short line. */
function decided<L extends Limit>(limit: L): L {
  const { success, data: reason } = exactLine(200).safeParse(limit.reason);
  if (!success)
    throw new OperatorError(`The reason must be one line of at most 200 characters, without control characters.`);
  // The end of the ARN, such as `user/jane`.
  return { ...limit, by: limit.by.slice(limit.by.lastIndexOf(':') + 1), reason };
}

/** Pauses a vendor, or sets its rate, in place of an earlier pause or rate. `until`: ms since 1970, or without an end. */
export async function limitVendor(
  { circuits, clock, by }: Pick<Deployment, 'circuits' | 'clock' | 'by'>,
  { vendor, perSecond, ...given }: Pick<Limit, 'reason' | 'until'> & { vendor: Vendor; perSecond?: number | undefined },
): Promise<void> {
  const limit = decided({ at: clock.now(), by, ...given });
  await circuits.limit(vendor, perSecond === undefined ? { paused: limit } : { rate: { ...limit, perSecond } });
}

/**
 * Lets the next call to a vendor be the trial call of its open circuit, and releases a job that makes it. `audited` comes
 * before the change. Returns what happens now. Rejects with an OperatorError while an operator's pause stops the vendor.
 */
export async function tryVendor(deps: OperatorDeps, vendor: Vendor, audited: () => Promise<unknown>): Promise<string> {
  const now = deps.clock.now();
  const circuit = await deps.circuits.read(vendor);
  if (limitsOf(circuit, now).paused)
    throw new OperatorError(`${vendor} is paused. A trial call needs its resume: sls vendors resume ${vendor}`);
  if (!isOpen(circuit)) return `The circuit of ${vendor} is closed: its jobs run.`;
  if ((circuit.trial?.until ?? 0) > now) return `${vendor}: ${trialText(circuit, now)}`;
  await audited();
  await deps.circuits.tryNow(vendor);
  const job = await releaseTrial({ ...deps, failed: () => {} }, { vendor, circuit, mayGoOn: () => true });
  if (!job) return `No job waits for ${vendor}: the next job makes the trial call.`;
  return `${job.id} of ${job.queue} makes the trial call to ${vendor} within seconds. If it works, its jobs follow.`;
}

/** When the next trial call of an open circuit comes, in words. Empty if it is closed. */
export function trialText(circuit: Circuit | undefined, now: number): string {
  if (!isOpen(circuit)) return '';
  const next = nextTrialAt(circuit, now);
  if (next === undefined) return 'While it is paused, no trial call is made.';
  if ((circuit.trial?.until ?? 0) > now) return 'A trial call is under way.';
  return next > now ? `The next trial call is at ${timeText(next)} (UTC).` : 'The next job makes a trial call.';
}

/** What a vendor with an open circuit answers now, and when its next trial call comes, in words. */
export interface Outage {
  code: string;
  trial: string;
}

/** The outage of the vendor that a job waits for. `undefined`: it waits for none, or its circuit has closed. */
export async function outageOf(
  { circuits, clock }: Pick<Deployment, 'circuits' | 'clock'>,
  row: Pick<JobRow, 'reason' | 'vendor'>,
): Promise<Outage | undefined> {
  if (row.reason !== 'stopped' || !row.vendor) return undefined;
  const circuit = await circuits.read(row.vendor as Vendor);
  return isOpen(circuit) ? { code: circuit.code ?? 'Unexpected', trial: trialText(circuit, clock.now()) } : undefined;
}

async function requireMapping({ mappings }: Deployment, queue: string): Promise<void> {
  if ((await mappings.isOn(queue)) === undefined)
    throw new OperatorError(`Lambda does not receive from ${queue}: its worker has no event source mapping.`);
}

/**
 * Puts the mapping as the stored pause says. It reads the pause again afterwards, because another operator may change it
 * meanwhile: the last one leaves both alike. Resolves to the pause, `undefined` if there is none.
 */
async function followPause(deps: Deployment, queue: string): Promise<Pause | undefined> {
  for (;;) {
    const pause = await readPause(deps, queue);
    await deps.mappings.set(queue, !pause);
    if (!(await readPause(deps, queue)) === !pause) return pause;
  }
}

/**
 * Resumes a queue. Lambda receives its messages again, and each vendor's gate and rate limit the workers as usual.
 * Resolves to the pause that it ended, or to `undefined` if there was none. A mapping that is off without a pause is
 * switched on too, so a repeat completes a resume that was cut off. Rejects with an OperatorError if another operator
 * has just paused it, or if the stored pause is damaged.
 */
export async function resumeQueue(deps: Deployment, queue: string): Promise<Pause | undefined> {
  const pause = await readPause(deps, queue);
  await requireMapping(deps, queue);
  if (pause?.by === DAMAGED) throw new OperatorError(`${pause.reason}. Restore it, then run the command again.`);
  if (pause) await deps.table.delete(pause.key, pause.version);
  if (await followPause(deps, queue))
    throw new OperatorError(`Another operator has just paused ${queue} again. Look at it again.`);
  return pause;
}
