import { StoreError } from '../../../lib/errors';
import { OperatorError, stateOf } from '../../../lib/ops/operator';
import { addressesOf } from '../queues/campaigns';
import { campaignsOf } from './campaigns';
import { codeOf } from './code';
import { ACCOUNT, deadLetterQueue, mainQueue, REGION, serviceQueue } from './names';
import type { Code, World } from './types';
import type { Death } from './watch';

/**
 * Starts the operators of the plan. They redrive dead jobs, resolve unknown steps, control campaigns, and cancel, retry
 * or discard jobs.
 */
export function startOperators(world: World): void {
  startRedrives(world);
  startResolutions(world);
  startControls(world);
  startCommands(world);
}

function startRedrives(world: World): void {
  const { plan, kernel, trace, reach } = world;
  world.onDeath.push(({ row, nth }: Death) => {
    if (row.queue !== serviceQueue(world)) return;
    for (const redrive of plan.redrives.filter((planned) => planned.nth === nth)) {
      world.pending.add(redrive);
      kernel.setTimeout(() => {
        world.trouble();
        reach(`redrive by ${redrive.how}`);
        trace.add({ who: 'operator', what: `redrive ${redrive.how}`, detail: () => row.id });
        const done = redrive.how === 'move' ? move(world) : command(world, row.id);
        void done.finally(() => {
          world.trouble();
          world.pending.delete(redrive);
        });
      }, redrive.after);
    }
  });
}

/** SQS moves the whole DLQ. Each message keeps its group, and no row records the move. */
async function move({ sqs, ...world }: World): Promise<void> {
  const arn = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
  sqs.startMessageMoveTask({
    SourceArn: arn(deadLetterQueue(world as World)),
    DestinationArn: arn(mainQueue(world as World)),
  });
}

const command = (world: World, id: string): Promise<void> => typed(world, (code) => code.command('retry', id));

/** An operator repeats a resume that fails. */
const REPEAT_MS = 60_000;

/** Starts the operators who pause vendors and set rates. All queues share the vendors. */
export function startLimits(world: World): void {
  const { plan, kernel, pending, pauses, reach, trace } = world;
  /** The commands about a vendor: how many are under way, and how many have begun or ended. */
  const commands = new Map<string, { open: number; seen: number }>();
  for (const limit of plan.limits) {
    const { vendor, at, lasts, ends, perSecond } = limit;
    const act = async (what: 'limit' | 'resume') => {
      const others = commands.get(vendor) ?? { open: 0, seen: 0 };
      commands.set(vendor, others);
      const first = others.open++ === 0;
      const seen = ++others.seen;
      let done = false;
      world.trouble();
      await typed(world, async (code) => {
        trace.add({ who: 'operator', what: `${what} of a vendor`, detail: () => `${vendor} ${perSecond ?? 'paused'}` });
        await code[what](limit);
        done = true;
      });
      world.trouble();
      others.open -= 1;
      const undisturbed = others.seen++ === seen;
      return { done, alone: first && undisturbed };
    };
    const end = async () => {
      pauses.delete(vendor);
      if (ends === 'by resume' && !(await act('resume')).done)
        return void kernel.setTimeout(() => void end(), REPEAT_MS);
      if (ends === 'by resume') reach('resume of a vendor');
      world.trouble();
      pending.delete(limit);
    };
    pending.add(limit);
    const begin = async () => {
      const until = kernel.now() + (ends === 'by itself' ? lasts : Number.POSITIVE_INFINITY);
      if (perSecond === undefined) pauses.delete(vendor);
      const { done, alone } = await act('limit');
      // Of two commands at once, either may be the last.
      if (done && alone && perSecond === undefined) pauses.set(vendor, { from: kernel.now(), until });
      reach(perSecond === undefined ? 'pause of a vendor' : 'rate of an operator');
      kernel.setTimeout(() => void end(), lasts);
    };
    kernel.setTimeout(() => void begin(), at);
  }
}

function startResolutions(world: World): void {
  const { plan, kernel, queue, watch, reach, trace } = world;
  const { resolution } = plan;
  const steps = Object.entries(queue.provenBy ?? {});
  if (!resolution) return;
  const looked = new Set<string>();
  world.onRow.push(({ id, queue: name, state, reason, holds }) => {
    const occasion = `${id} ${holds}`;
    if (name !== serviceQueue(world) || state !== 'held' || reason !== 'unknown' || looked.has(occasion)) return;
    looked.add(occasion);
    world.pending.add(occasion);
    kernel.setTimeout(() => {
      world.trouble();
      const done = typed(world, async (code) => {
        for (const [step, effect] of steps) {
          let as: 'done' | 'skipped' = 'skipped';
          const resolved = await code.settle(id, step, () => {
            as = watch.happened(effect, id) ? 'done' : 'skipped';
            trace.add({ who: 'operator', what: `resolve as ${as}`, detail: () => id });
            return as;
          });
          if (resolved) reach(`resolved as ${as}`);
        }
      });
      void done.finally(() => {
        world.trouble();
        world.pending.delete(occasion);
      });
    }, resolution.after);
  });
}

function startControls(world: World): void {
  const { plan, queue, kernel, pending, reach, trace, suppressed } = world;
  for (const control of queue.controlled ? plan.controls : []) {
    pending.add(control);
    kernel.setTimeout(() => {
      world.trouble();
      const done = typed(world, async (code) => {
        const { what, at } = control;
        const spec = plan.jobs[control.campaign];
        const addresses = spec ? addressesOf(spec, control.campaign) : [];
        const email = addresses[at % addresses.length] ?? '';
        const id = what === 'suppress' ? email : campaignsOf(world)[control.campaign]?.id;
        if (!id) return;
        trace.add({ who: 'operator', what, detail: () => id });
        if (what !== 'suppress') await code.control(id, what);
        else {
          await code.suppress(email);
          suppressed.set(email, Math.min(suppressed.get(email) ?? kernel.now(), kernel.now()));
        }
        reach(`campaign command ${what}`);
      });
      void done.finally(() => {
        world.trouble();
        pending.delete(control);
      });
    }, control.at);
  }
}

function startCommands(world: World): void {
  const { plan, kernel, pending, reach, trace, watch } = world;
  for (const command of plan.commands) {
    pending.add(command);
    kernel.setTimeout(() => {
      world.trouble();
      const row = watch.rows()[command.job];
      const done = typed(world, async (code) => {
        if (!row) return;
        trace.add({ who: 'operator', what: command.what, detail: () => `${row.id}, ${stateOf(row)}` });
        await code.command(command.what, row.id);
        reach(`${command.what} of a ${row.state} job`);
      });
      void done.finally(() => {
        world.trouble();
        pending.delete(command);
      });
    }, command.at);
  }
}

/** Operators erase persons, once for all queues. */
export function startErasures(world: World): void {
  const { plan, kernel, pending, reach, trace } = world;
  for (const erasure of plan.erasures ?? []) {
    pending.add(erasure);
    kernel.setTimeout(() => {
      world.trouble();
      trace.add({ who: 'operator', what: 'erase', detail: () => JSON.stringify(erasure.person) });
      const erase = async (code: Code) => {
        for (const { place, why } of await code.erase(erasure.person)) reach(`erasure left ${place}: ${why}`);
        reach('erasure');
      };
      void typed(world, erase, ERASURE_MS).finally(() => {
        world.trouble();
        pending.delete(erasure);
      });
    }, erasure.at);
  }
}

const ERASURE_MS = 60 * 60_000;

function typed(world: World, run: (code: Code) => Promise<void>, timeoutMs = 60_000): Promise<void> {
  return new Promise((resolve) => {
    const process = world.spawn({ name: 'operator', timeoutMs, ended: () => resolve() });
    void run(codeOf(world, process))
      .catch((error: unknown) => {
        // Another action came first, or a dependency is down. The operator reads the error and may try again.
        if (!(error instanceof OperatorError || error instanceof StoreError)) throw error;
        world.trace.add({ who: 'operator', what: 'was refused', detail: () => error.message });
      })
      .finally(() => {
        world.exit(process);
        resolve();
      });
  });
}
