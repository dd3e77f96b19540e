// Bundled from within the released revision's tree (build.ts): imports are of files as they were then.
import { takeEvents } from '../../../lib/emails/events/take';
import { StoreError } from '../../../lib/errors';
import { campaigns } from '../../../lib/jobs/campaign';
import { jobKey } from '../../../lib/jobs/keys';
import { cancel } from '../../../lib/ops/cancel';
import { discard } from '../../../lib/ops/discard';
import { OperatorError } from '../../../lib/ops/operator';
import { retry } from '../../../lib/ops/retry';
import { settle } from '../../../lib/ops/settle';
import { reconcile } from '../../../lib/reconcile/reconcile';
import { NoAnswer, NotOk } from '../../../lib/vendors/http';
import { handleBatch } from '../../../lib/worker/batch';
import { reconcilerDeps, workerDeps } from '../engine';
import { mainQueue, serviceQueue, urlOf } from '../names';
import type { JobSpec } from '../plan';
import type { Ports } from '../ports';
import { queueNamed, SIMULATIONS } from '../queues';
import type { World } from '../world';
import type { Answer, Bundle, Failure, Host, Released } from './host';

const COMMANDS = { cancel, retry, discard };

declare const RELEASED: string;
export const revision: Bundle['revision'] = RELEASED;

export const kinds: Bundle['kinds'] = Object.fromEntries(
  SIMULATIONS.flatMap(({ queues }) => queues).map((queue) => [queue.name, queue.kinds]),
);

export const open: Bundle['open'] = (host): Released => {
  const ports = Object.fromEntries(
    Object.entries(host.ports).map(([name, port]) => [name, failing(port)]),
  ) as unknown as Ports;
  const world = worldOf(host);
  const { queue } = world;
  const deps = reconcilerDeps(world, ports);
  const process = { name: '', alive: true, ...host.process };
  const rowKey = (id: string) => jobKey(serviceQueue(world), id);

  return {
    handle: (event, remainingMs) => {
      const contract = queue.contract(world, process, ports);
      const known = contract.types[queue.type];
      const types = host.newer && known ? { [queue.newerType]: known } : {};
      return handleBatch({
        deps: workerDeps(world, ports),
        contract: { ...contract, types: { ...contract.types, ...types } },
        event,
        remainingMs,
      });
    },
    reconcile: (times) => reconcile(deps, times),
    command: (what, id) =>
      answered(async () => {
        const row = await deps.ledger.get(rowKey(id));
        if (row) await COMMANDS[what](deps, row);
      }),
    settle: (id, step, as) =>
      answered(async () => {
        const row = await deps.ledger.get(rowKey(id));
        if (row?.state !== 'held' || row.steps[step]?.status !== 'unknown') return false;
        await settle(deps, { row, step, as: as() });
        return true;
      }),
    control: (id, what) =>
      answered(async () => {
        await campaigns(deps)[what](id);
      }),
    takeEvents: (events) =>
      answered(async () => {
        await takeEvents(deps, events);
      }),
    submit: ({ spec, ...job }) =>
      answered(() =>
        queue.submit(
          {
            ...ports,
            prefix: 'jobs',
            source: '/sim/api',
            queueUrl: () => urlOf(mainQueue(world)),
            settings: () => world.settings,
          },
          { spec: spec as JobSpec, ...job },
          world,
        ),
      ),
  };
};

/** The world as the released simulation's own parts of a process ask for it. */
function worldOf({ lanes, lane, start, now, share, call, vendors, effect, accepted }: Host): World {
  const shared = {
    plan: { start, share },
    mutant: undefined,
    kernel: { now },
    // The host reports SendGrid's events, so the released code does not.
    chance: { between: () => 1 },
    vendors,
    watch: { effect },
    onMails: [accepted],
    call: (given: Parameters<Host['call']>[0]) => call(given).catch(rethrow),
  };
  const all: World[] = [];
  for (const { queue, settings } of lanes)
    all.push({ ...shared, queue: queueNamed(queue), settings, lanes: all } as unknown as World);
  return all.find(({ queue }) => queue.name === lane) as World;
}

/** A port whose failures are errors of this revision. */
function failing(port: object): object {
  const methods = Object.entries(port).map(([name, method]) => [
    name,
    (...given: unknown[]) => {
      const result: unknown = method(...given);
      return result instanceof Promise ? result.catch(rethrow) : result;
    },
  ]);
  return Object.fromEntries(methods);
}

function rethrow(error: unknown): never {
  const given = error as Partial<Failure>;
  switch (given.failure) {
    case 'store':
      throw new StoreError(given as Extract<Failure, { failure: 'store' }>);
    case 'silence':
      throw new NoAnswer({ ...(given as Extract<Failure, { failure: 'silence' }>), code: 'simulated' });
    case 'answer':
      throw new NotOk(given as Extract<Failure, { failure: 'answer' }>);
    default:
      throw error;
  }
}

async function answered<T>(run: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { answer: await run() };
  } catch (error) {
    if (error instanceof StoreError) return { refused: 'store', code: error.code, message: error.message };
    if (error instanceof OperatorError) return { refused: 'command', code: error.name, message: error.message };
    throw error;
  }
}
