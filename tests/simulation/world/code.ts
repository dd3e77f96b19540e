import type { SQSEvent } from 'aws-lambda';
import { campaigns } from '../../../lib/emails/campaigns/campaign';
import { takeEvents } from '../../../lib/emails/events/webhook';
import { suppressionList } from '../../../lib/emails/suppression';
import { jobKey } from '../../../lib/jobs/keys';
import { createLedger } from '../../../lib/jobs/ledger';
import { cancel, discard, retry, settle } from '../../../lib/ops/act';
import { type Erased, erasePerson } from '../../../lib/ops/erase';
import { limitVendor } from '../../../lib/ops/pause';
import { type Found, findPerson } from '../../../lib/ops/person';
import type { Person } from '../../../lib/ops/search';
import { reconcile } from '../../../lib/reconcile/reconcile';
import type { ReconcileDeps } from '../../../lib/reconcile/run';
import { handleBatch } from '../../../lib/worker/batch';
import { type CircuitBreakers, circuitBreakers } from '../../../lib/worker/circuit';
import type { WorkerDeps } from '../../../lib/worker/contract';
import { jobsOf } from '../../../packages/producer/jobs';
import { hashPeople } from '../../support/hash-people';
import { readWhole } from '../../support/producer';
import type { Command, Control, VendorLimit } from '../draw/plan';
import { type End, inProcess } from './acts';
import type { Process } from './calls';
import { knownSchema } from './damage';
import { settingsOf, waitsOf } from './deployments';
import { deadLetterQueue, GUARD, INSTANCE, laneOf, mainQueue, serviceQueue, urlOf } from './names';
import { withPoison } from './poison';
import { portsOf } from './ports';
import type { Ports, Submitted, World } from './types';

/** A process has one view of the circuits, which its gate and its rate share. */
const circuitsOf = new WeakMap<Ports, CircuitBreakers>();

/** What the service's functions need. Without a process: after all deployments. */
export function depsOf(world: World, ports: Ports, process?: Process): ReconcileDeps & WorkerDeps {
  const { plan, lanes } = world;
  const { events, topic, ...own } = ports;
  const settings = (queue: string) => settingsOf(laneOf(world, queue), process);
  const circuits = circuitsOf.get(ports) ?? circuitBreakers(own);
  circuitsOf.set(ports, circuits);
  return {
    ...own,
    circuits,
    settings,
    ledger: createLedger({ ...own, settings, knows: knownSchema(world) }),
    bucket: 'bucket',
    prefix: 'jobs',
    retryWaits: waitsOf(world),
    storeWait: 900,
    queueNames: lanes.map(serviceQueue),
    queueUrl: (queue) => urlOf(mainQueue(laneOf(world, queue))),
    dlqUrl: (queue) => urlOf(deadLetterQueue(laneOf(world, queue))),
    guard: GUARD,
    limits: plan.sending,
    ...(plan.share === undefined ? {} : { share: plan.share }),
    ...(plan.events ? { events } : {}),
    ...(plan.facts ? { topic: { ...topic, overAfterMs: 15 * 60_000, dlqDepth: () => 5 } } : {}),
  };
}

const COMMANDS = { cancel, retry, discard };

/** The code of the service in a process. */
export function codeOf(world: World, process: Process) {
  const ports = portsOf(world, process);
  const base = { ...depsOf(world, ports, process), audit: 'of-this-run', hashPeople };
  const suppression = suppressionList(base);
  const deps = { ...base, suppression };
  let worker: Pick<Parameters<typeof handleBatch>[0], 'contract' | 'deps'> | undefined;
  const stored = (id: string) => deps.ledger.get(jobKey(serviceQueue(world), id));
  return {
    handle: (event: SQSEvent, remainingMs: number) => {
      worker ??= {
        contract: withPoison(process, world.queue.contract(world, process, ports)),
        deps: depsOf(world, ports, process),
      };
      return handleBatch({ ...worker, event, remainingMs });
    },
    reconcile: (times: { remainingMs: number; stayMs: number; canaryMs: number }) => reconcile(deps, times),
    command: async (what: Command['what'], id: string) => {
      const row = await stored(id);
      if (row) await COMMANDS[what](deps, row);
    },
    erase: (person: Person) => erase(deps, person),
    /** Calls `as` only if the step is unknown. Resolves to whether it was. */
    settle: async (id: string, step: string, as: () => 'done' | 'skipped') => {
      const row = await stored(id);
      if (row?.state !== 'held' || row.steps[step]?.status !== 'unknown') return false;
      await settle(deps, { row, step, as: as() });
      return true;
    },
    control: async (campaign: string, what: Exclude<Control['what'], 'suppress'>) => {
      await campaigns(deps)[what](campaign);
    },
    limit: async ({ vendor, lasts, ends, perSecond }: VendorLimit) => {
      const until = ends === 'by itself' ? ports.clock.now() + lasts : undefined;
      await limitVendor({ ...deps, by: 'operator' }, { vendor, perSecond, until, reason: 'of this run' });
    },
    resume: async ({ vendor }: VendorLimit) => {
      await deps.circuits.limit(vendor, { paused: undefined, rate: undefined });
    },
    suppress: (email: string) => suppression.add([{ email, reason: 'unsubscribed' }]),
    takeEvents: (events: readonly unknown[]) => takeEvents({ ...deps, instance: INSTANCE }, events),
    submit: (job: Submitted) => {
      const producer = {
        ...deps,
        readObject: readWhole(ports.objects),
        source: '/sim/api',
        // So the producer chooses chunks of three recipients.
        emailRate: 6,
      };
      return world.queue.submit(producer, job, world);
    },
    /** The producer cancels a planned job. Resolves to whether it did. */
    cancelPlanned: async (id: string) => (await jobsOf(async () => deps).cancel(id, { system: true })).cancelled,
  };
}

export type Code = ReturnType<typeof codeOf>;

/** Lets the code act in a new process for someone outside, who expects some errors. Any other breaks a promise. */
export async function outside<T>(
  world: World,
  who: { name: string; timeoutMs?: number; expects: readonly (new (...given: never[]) => Error)[] },
  act: (code: Code) => Promise<T>,
): Promise<End<T>> {
  const { name, timeoutMs = 60_000, expects } = who;
  const end = await inProcess(world, { name, timeoutMs }, (process) => act(codeOf(world, process)));
  if (end.error && !expects.some((expected) => end.error instanceof expected))
    world.watch.violated(`${name} got ${String(end.error)}`);
  return end;
}

/** Erases what it finds. Resolves to what it left. */
export async function erase(deps: Parameters<typeof erasePerson>[0], person: Person): Promise<Erased['left']> {
  const found: Found[] = [];
  for await (const one of findPerson(deps, person)) found.push(one);
  return (await erasePerson(deps, person, { found })).left;
}
