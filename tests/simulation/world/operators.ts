import { vendorKey } from '../../../lib/engine/jobs/keys';
import { type JobRow, lackedStep } from '../../../lib/engine/jobs/row';
import { cancel, discard, replace, resend, retry, sentEnvelope, settle, whyNot } from '../../../lib/operate/ops/act';
import { OperatorError, stateOf } from '../../../lib/operate/ops/operator';
import { limitVendor, tryVendor } from '../../../lib/operate/ops/pause';
import { STEP_UNKNOWN, StoreError, type Vendor } from '../../../lib/platform/errors';
import { campaigns } from '../../../lib/queues/emails/campaigns/campaign';
import { queueArn } from '../../../packages/local/loopback';
import type { VendorLimit } from '../draw/plan';
import { addressesOf } from '../queues/campaigns';
import { later, sleep } from './acts';
import { campaignsOf } from './campaigns';
import { type Deps, erase, outside } from './code';
import { deadLetterQueue, mainQueue, serviceQueue } from './names';
import type { World } from './types';

export function startRedrives(world: World): void {
  const { plan, trace, reach } = world;
  world.onDeath.push(({ row, nth }) => {
    if (row.queue !== serviceQueue(world)) return;
    for (const { how, after } of plan.redrives.filter((planned) => planned.nth === nth))
      later(world, after, () => {
        reach(`redrive by ${how}`);
        trace.add({ who: 'operator', what: `redrive ${how}`, detail: () => row.id });
        return redrive(world, how, row);
      });
  });
}

type How = World['plan']['redrives'][number]['how'];

async function redrive(world: World, how: How, row: JobRow): Promise<unknown> {
  if (how === 'command') return typed(world, (deps) => command(deps, 'retry', row));
  if (how === 'move after replace') await typed(world, (deps) => command(deps, 'replace', row));
  if (how === 'move after discard') await typed(world, (deps) => command(deps, 'discard', row));
  return move(world);
}

/** Sends the job again with its own data, because this is about the old job. */
async function replaced(deps: Deps, row: JobRow): Promise<void> {
  if (whyNot.replace(row) === undefined) await replace(deps, row, (await sentEnvelope(deps, row)).data);
}

const COMMANDS = { cancel, retry, discard, resend, replace: replaced };

async function command(deps: Deps, what: keyof typeof COMMANDS, { key }: JobRow): Promise<void> {
  const row = await deps.ledger.get(key);
  if (row) await COMMANDS[what](deps, row);
}

/** SQS moves the whole DLQ. Each message keeps its group, and no row records the move. */
const move = (world: World): unknown =>
  world.sqs.startMessageMoveTask({
    SourceArn: queueArn(deadLetterQueue(world)),
    DestinationArn: queueArn(mainQueue(world)),
  });

/** An operator repeats a resume that fails. */
const REPEAT_MS = 60_000;

/** Starts the operators who pause vendors and set rates. All queues share the vendors. */
export function startLimits(world: World): void {
  const { plan, kernel, pauses, reach, trace, trouble } = world;
  /** The commands about a vendor: how many are under way, and how many have begun or ended. */
  const commands = new Map<string, { open: number; seen: number }>();
  const act = async (what: 'limit' | 'resume', limit: VendorLimit) => {
    const { vendor, perSecond } = limit;
    const others = commands.get(vendor) ?? { open: 0, seen: 0 };
    commands.set(vendor, others);
    const first = others.open++ === 0;
    const seen = ++others.seen;
    trouble();
    const done = await typed(world, async (deps) => {
      trace.add({ who: 'operator', what: `${what} of a vendor`, detail: () => `${vendor} ${perSecond ?? 'paused'}` });
      const until = limit.ends === 'by itself' ? deps.clock.now() + limit.lasts : undefined;
      if (what === 'resume') await deps.circuits.limit(vendor, { paused: undefined, rate: undefined });
      else await limitVendor({ ...deps, by: 'operator' }, { vendor, perSecond, until, reason: 'of this run' });
    });
    trouble();
    others.open -= 1;
    const undisturbed = others.seen++ === seen;
    return { done, alone: first && undisturbed };
  };
  for (const limit of plan.limits)
    later(world, limit.at, async () => {
      const { vendor, lasts, ends, perSecond } = limit;
      const until = kernel.now() + (ends === 'by itself' ? lasts : Number.POSITIVE_INFINITY);
      if (perSecond === undefined) pauses.delete(vendor);
      const { done, alone } = await act('limit', limit);
      // Of two commands at once, either may be the last.
      if (done && alone && perSecond === undefined) pauses.set(vendor, { from: kernel.now(), until });
      reach(perSecond === undefined ? 'pause of a vendor' : 'rate of an operator');
      await sleep(world, lasts);
      pauses.delete(vendor);
      if (ends === 'by itself') return;
      while (!(await act('resume', limit)).done) {
        await sleep(world, REPEAT_MS);
        pauses.delete(vendor);
      }
      reach('resume of a vendor');
    });
}

/** The most openings of circuits in a run to which operators react. */
const MOST_TRIES = 5;

/** Operators ask for trial calls: also during a trial call, of a paused vendor, and of a circuit that has closed again. */
export function startTries(world: World): void {
  const { plan, reach, trace } = world;
  const opened = new Set<string>();
  world.onItem.push(({ key, stoppedAt }) => {
    const opening = `${key} ${stoppedAt}`;
    if (stoppedAt === undefined || opened.has(opening) || opened.size === MOST_TRIES) return;
    opened.add(opening);
    const act = async (deps: Deps) => {
      const says = await tryVendor(deps, key.slice(vendorKey('').length) as Vendor, async () => {});
      trace.add({ who: 'operator', what: 'try of a vendor', detail: () => says });
      reach(says.includes('makes the trial call to') ? 'trial by an operator' : 'try of a vendor without a job');
    };
    for (const after of plan.tries ?? []) later(world, after, () => typed(world, act));
  });
}

export function startResolutions(world: World): void {
  const { queue, watch, reach, trace } = world;
  const { resolution } = world.plan;
  const steps = Object.entries(queue.provenBy ?? {});
  if (!resolution) return;
  const looked = new Set<string>();
  world.onRow.push(({ id, key, queue: name, state, reason, holds }) => {
    const occasion = `${id} ${holds}`;
    if (name !== serviceQueue(world) || state !== 'held' || reason !== 'unknown' || looked.has(occasion)) return;
    looked.add(occasion);
    const resolve = async (deps: Deps) => {
      for (const [step, effect] of steps) {
        const row = await deps.ledger.get(key);
        if (row?.state !== 'held' || row.steps[step]?.status !== 'unknown') continue;
        const as = watch.happened(effect, id) ? 'done' : 'skipped';
        trace.add({ who: 'operator', what: `resolve as ${as}`, detail: () => id });
        await settle(deps, { row, step, as });
        reach(`resolved as ${as}`);
      }
    };
    later(world, resolution.after, () => typed(world, resolve));
  });
}

/** What was refused as often as this will be refused again. */
const MOST_RESENDS = 5;

/** Operators look at what a job succeeded without: they settle a mail that is unknown, and let one be sent again. */
export function startResends(world: World): void {
  const { plan, watch, reach, trace } = world;
  world.onRow.push(({ key, id, queue: name, ...row }, before) => {
    const lack = before?.state === 'succeeded' ? undefined : lackedStep(row);
    if (name !== serviceQueue(world) || !lack) return;
    const isUnknown = lack.code === STEP_UNKNOWN;
    const after = isUnknown ? plan.resolution?.after : plan.resend?.after;
    if (after === undefined) return;
    later(world, after, () =>
      typed(world, async (deps) => {
        const now = await deps.ledger.get(key);
        if (!now || !lackedStep(now) || (now.resends ?? 0) >= MOST_RESENDS) return;
        const as = watch.happened('mail', id) ? 'done' : 'skipped';
        trace.add({ who: 'operator', what: isUnknown ? `settle as ${as}` : 'resend', detail: () => id });
        const settled = isUnknown ? await settle(deps, { row: now, step: lack.what, as }) : now;
        if (isUnknown) reach(`mail settled as ${as}`);
        if (as === 'done' || !plan.resend) return;
        await resend(deps, settled);
        reach('mail resent');
      }),
    );
  });
}

export function startControls(world: World): void {
  const { plan, queue, kernel, reach, trace, suppressed } = world;
  for (const { at, what, campaign } of queue.controlled ? plan.controls : []) {
    const control = async (deps: Deps) => {
      const spec = plan.jobs[campaign];
      const addresses = spec ? addressesOf(spec, campaign) : [];
      const email = addresses[at % addresses.length] ?? '';
      const id = what === 'suppress' ? email : campaignsOf(world)[campaign]?.id;
      if (!id) return;
      trace.add({ who: 'operator', what, detail: () => id });
      if (what !== 'suppress') await campaigns(deps)[what](id);
      else if (at % 2 === 1)
        await note(world, deps, { email, at: plan.start + at, reason: at % 4 === 3 ? 'resubscribed' : 'unsubscribed' });
      else {
        await deps.suppression.add([{ email, reason: 'unsubscribed' }]);
        suppressed.set(email, Math.min(suppressed.get(email) ?? kernel.now(), kernel.now()));
      }
      reach(`campaign command ${what}`);
    };
    later(world, at, () => typed(world, control));
  }
}

type Said = { email: string; at: number; reason: 'unsubscribed' | 'resubscribed' };

/** A caller notes an address. Who subscribes again may be on the list or not until that is answered. */
async function note({ noted }: World, deps: Deps, { email, ...said }: Said): Promise<void> {
  const keep = () => (noted.get(email)?.at ?? -1) < said.at && noted.set(email, said);
  if (said.reason === 'resubscribed') keep();
  await deps.suppression.note(deps, { email, ...said });
  keep();
}

export function startCommands(world: World): void {
  const { plan, reach, trace, watch } = world;
  for (const { at, what, job } of plan.commands)
    later(world, at, () => {
      const row = watch.rows()[job];
      return typed(world, async (deps) => {
        if (!row) return;
        trace.add({ who: 'operator', what, detail: () => `${row.id}, ${stateOf(row)}` });
        await command(deps, what, row);
        reach(`${what} of a ${row.state} job`);
      });
    });
}

/** Operators erase persons, once for all queues. */
export function startErasures(world: World): void {
  const { plan, reach, trace } = world;
  for (const { at, person } of plan.erasures ?? [])
    later(world, at, () => {
      trace.add({ who: 'operator', what: 'erase', detail: () => JSON.stringify(person) });
      const erased = async (deps: Deps) => {
        for (const { place, why } of await erase(deps, person)) reach(`erasure left ${place}: ${why}`);
        reach('erasure');
      };
      return typed(world, erased, ERASURE_MS);
    });
}

const ERASURE_MS = 60 * 60_000;

/** Another action may come first, or a dependency be down. The operator reads the error and may try again. */
const REFUSALS = [OperatorError, StoreError];

/** Resolves to whether the command was done. */
async function typed(world: World, run: (deps: Deps) => Promise<void>, timeoutMs = 60_000): Promise<boolean> {
  const { error, died } = await outside(world, { name: 'operator', timeoutMs, expects: REFUSALS }, run);
  if (error) world.trace.add({ who: 'operator', what: 'was refused', detail: () => (error as Error).message });
  return !error && died === undefined;
}
