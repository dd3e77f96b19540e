import { bodyKey, todoKey, vendorKey } from '../../../lib/engine/jobs/keys';
import type { JobRow } from '../../../lib/engine/jobs/row';
import { type Circuit, nextTrialAt } from '../../../lib/engine/worker/circuit';
import { HOUR_MS, MINUTE_MS } from '../draw/build';
import { skewOf } from '../draw/plan';
import { entriesAgree, hasEvidence, movedEntries } from '../promises/rest';
import { isPaused, nextLook } from './campaigns';
import type { Functions } from './functions';
import type { Event } from './kernel';
import { mainQueue, serviceQueue } from './names';
import type { World } from './types';

/** Runs the reconciler every minute. Skips minutes without work, so that a simulated month stays cheap. */
export function startSchedule(world: World, { reconciler }: Functions): void {
  const { kernel } = world;
  let next: Event | undefined;
  let wake = Number.POSITIVE_INFINITY;

  const schedule = (at: number) => {
    const minute = Math.ceil(Math.max(at, kernel.now()) / MINUTE_MS) * MINUTE_MS;
    if (minute >= wake || minute === Number.POSITIVE_INFINITY) return;
    kernel.cancel(next);
    wake = minute;
    next = kernel.at(minute, tick);
  };
  const tick = () => {
    wake = Number.POSITIVE_INFINITY;
    const due = Math.min(...world.lanes.map(nextDue));
    if (due <= kernel.now()) {
      void reconciler();
      schedule(kernel.now() + 1);
    } else schedule(due);
  };
  world.onChange.push(() => schedule(kernel.now() + 1));
  schedule(kernel.now() + 1);
}

/** Whether the reconciler sends the job again as soon as it looks for jobs that no worker claims. */
const lostItsMessage = (world: World, { state, sentAt, id }: JobRow): boolean =>
  state === 'queued' &&
  sentAt !== undefined &&
  world.sqs.messages(mainQueue(world)).length === 0 &&
  world.stores.objects.keys().includes(bodyKey('jobs', serviceQueue(world), id));

/** When the reconciler may release a job of a stopped vendor: a minute ahead it waits for the time of the trial call. */
function trialAt({ kernel, watch, plan: { skew = 0 } }: World, { vendor = '', owed }: JobRow): number {
  const trial = nextTrialAt(watch.items.get(vendorKey(vendor)) as Circuit | undefined, kernel.now()) ?? kernel.now();
  return Math.min(trial, owed?.until ?? trial) - skew - MINUTE_MS;
}

function nextDue(world: World): number {
  const { kernel, settings, watch, plan } = world;
  const [dead, unknown] = (['dead', 'unknown'] as const).map((kind) => todoKey(serviceQueue(world), kind));
  const rows = watch.rows();
  if (!entriesAgree(world) || movedEntries(world).length > 0 || hasEvidence(world)) return kernel.now();
  if (rows.some((row) => lostItsMessage(world, row))) return kernel.now();
  const fullHour = Math.ceil(kernel.now() / HOUR_MS) * HOUR_MS - skewOf(plan);
  return rows.reduce((earliest, row) => Math.min(earliest, dueAt(row)), nextLook(world, fullHour));

  function dueAt(row: JobRow): number {
    const { todo, todoAt } = row;
    if (row.reason === 'stopped') return trialAt(world, row);
    // The reconciler does nothing for these rows until they change.
    if (todo === undefined || todoAt === undefined || todo === unknown || isPaused(world, row))
      return Number.POSITIVE_INFINITY;
    return todo === dead ? todoAt + settings.dlqRetention * 1000 : todoAt;
  }
}
