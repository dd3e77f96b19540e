import { vendorKey } from '../../../lib/engine/jobs/keys';
import type { HistoryEntry, JobRow } from '../../../lib/engine/jobs/row';
import { VENDOR_PAUSED } from '../../../lib/engine/jobs/row';
import { TRUSTED_MS } from '../../../lib/engine/worker/circuit';
import { HOLDS_BY_SETTING } from '../../../lib/mail/rate';
import { kindOf } from '../../support/history';
import { skewOf, type VendorLimit } from '../draw/plan';
import { fewestAttempts } from '../world/deployments';
import type { Target } from '../world/faults';
import { serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { timesReached } from './rest';

/** The names of vendors in rows, and in faults. */
export const TARGETS: Record<string, Target> = {
  zendesk: 'zendesk',
  sendgrid: 'sendgrid',
  'app-store-connect': 'apple',
};

/** The fewest failed calls, or 403s, in a row that open a circuit (lib/engine/worker/circuit.ts). */
const FAILURES = 5;
const FORBIDDEN = 2;

/**
 * No job waits for a vendor because of its neighbours: each hold needs a reason that can have caused it. A step is
 * unknown only if a call may have taken effect, or if the answer could not be stored.
 */
export function watchHolds(world: World): void {
  const { onRow, watch } = world;
  onRow.push((row, before) => {
    const { id, queue, reason, holds } = row;
    if (holds <= (before?.holds ?? 0) || queue !== serviceQueue(world) || world.damaged.has(id)) return;
    const undeserved = undeservedHold(world, row);
    if (undeserved) watch.violated(`no bystanders: ${id} is held (${reason}), but ${undeserved}`);
  });
}

function undeservedHold(world: World, { id, reason, history, vendor = '', error }: JobRow): string | undefined {
  if (reason === 'unknown')
    return (world.inDoubt.get(id) ?? 0) > 0 || lostRun(history) ? undefined : 'every call had a clear answer';
  const target = TARGETS[vendor];
  if (error?.code === VENDOR_PAUSED) {
    world.reach('hold by a pause');
    const isMeant = (limit: VendorLimit) => limit.vendor === vendor && limit.perSecond === undefined;
    // A damaged circuit is a pause.
    const { limits, damages } = world.plan;
    const isPaused = limits.some(isMeant) || damages.some((damage) => damage.vendor === vendor);
    return isPaused ? undefined : 'its vendor was never paused';
  }
  const notNow = HOLDS_BY_SETTING.find((code) => code === error?.code);
  if (notNow) {
    world.reach(`hold ${notNow}`);
    return world.plan.sending ? undefined : 'campaigns may always send';
  }
  if (reason !== 'stopped' || target === undefined) return undefined;
  const faults = (name: string) => timesReached(world, new RegExp(`^fault ${name} at ${target}\\.`));
  const forbidden = world.lanes.flatMap(({ plan: { jobs } }) => jobs).filter(({ kind }) => kind === 'forbidden');
  if (faults('unauthorized') + faults('malformed') > 0) return undefined;
  // An operator's replacement of such a job is one more that Apple forbids.
  const replaced = world.lanes.flatMap(({ watch }) => watch.rows()).filter(isForbiddenAndReplaced);
  if (faults('forbidden') + forbidden.length + replaced.length >= FORBIDDEN) return undefined;
  // A job that has spent its attempts opens the circuit of a vendor that works for no other.
  const spent = fewestAttempts(world) - 1;
  const isSpent = ({ failingSince, attempts }: JobRow) => failingSince !== undefined && attempts >= spent;
  if (world.lanes.some(({ watch }) => watch.rows().some(isSpent))) return undefined;
  return faults('[^ ]+') >= FAILURES ? undefined : `${vendor} failed ${faults('[^ ]+')} times`;
}

const isForbiddenAndReplaced = ({ replacedBy, error }: JobRow): boolean =>
  replacedBy !== undefined && error?.code === 'Forbidden';

/**
 * Whether a run of the job before this one ended without an outcome: it died, it could not write its row, or another
 * process took the job from it. Newer code and a process whose clock is ahead take a job from a run that is at work.
 */
function lostRun(history: JobRow['history']): boolean {
  const starts = history.flatMap((entry, index) => (entry.event === 'started' ? [index] : []));
  return starts.slice(0, -1).some((from, nth) => {
    const run = history.slice(from, starts[nth + 1]);
    return !run.some((entry) => entry.messageId === run[0]?.messageId && endsRun(entry));
  });
}

const OUTCOMES: readonly string[] = ['retry', 'held', 'given', 'succeeded', 'cancelled'];
const endsRun = (entry: HistoryEntry): boolean => OUTCOMES.includes(kindOf(entry)) || entry.event === 'dead (error)';

/** The key of the target's circuit, and its vendor. */
function circuitOf(target: Target): { key: string; vendor: string } {
  const vendor = Object.keys(TARGETS).find((name) => TARGETS[name] === target) ?? '';
  return { key: vendorKey(vendor), vendor };
}

/**
 * No process calls a vendor whose circuit has been open for longer than a process may keep a closed one, unless the
 * call is the trial call. A process that opened the circuit itself knows it at once. One whose clock is ahead may take
 * a trial that another still makes.
 */
export function watchCircuits({ onItem, onCall, watch, plan, kernel, reach }: World): void {
  const openSince = new Map<string, number>();
  const trials = new Map<string, number>();
  const taken = new Map<string, number>();
  onItem.push(({ key, stoppedAt, trial }) => {
    if (!key.startsWith('vendor#')) return;
    if (stoppedAt === undefined) openSince.delete(key);
    else if (!openSince.has(key)) openSince.set(key, kernel.now());
    const { until = 0 } = (trial ?? {}) as { until?: number };
    const before = trials.get(key) ?? 0;
    if (until > 0 && before > 0 && before !== until) taken.set(key, before + skewOf(plan));
    trials.set(key, until);
  });
  onCall.push(({ name }, target) => {
    const { key, vendor } = circuitOf(target);
    const since = openSince.get(key);
    if (!since || watch.items.get(key)?.trial || kernel.now() < (taken.get(key) ?? 0)) return;
    const openMs = kernel.now() - since;
    reach('call through a circuit that has just opened');
    if (openMs > TRUSTED_MS)
      watch.violated(`open circuits refuse: ${name} calls ${vendor} ${openMs} ms after its circuit opened`);
  });
}

/** No process calls a paused vendor, unless it read the vendor's circuit just before, or its clock is past the end. */
export function watchPauses({ onCall, watch, kernel, plan, pauses }: World): void {
  onCall.push(({ name }, target) => {
    const { key, vendor } = circuitOf(target);
    const { from, until } = pauses.get(vendor) ?? { from: 0, until: 0 };
    const pausedMs = kernel.now() - from;
    if (pausedMs > TRUSTED_MS && kernel.now() < until - skewOf(plan) && !watch.items.get(key)?.trial)
      watch.violated(`paused vendors refuse: ${name} calls ${vendor} ${pausedMs} ms after its pause`);
  });
}
