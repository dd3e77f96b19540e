import type { SQSEvent } from 'aws-lambda';
import { createLedger } from '../../../lib/engine/jobs/ledger';
import { reconcile } from '../../../lib/engine/reconcile/reconcile';
import { handleBatch } from '../../../lib/engine/worker/batch';
import { type CircuitBreakers, circuitBreakers } from '../../../lib/engine/worker/circuit';
import type { WorkerDeps } from '../../../lib/engine/worker/contract';
import { suppressionList } from '../../../lib/mail/suppression';
import { type Erased, erasePerson } from '../../../lib/operate/ops/erase';
import type { OperatorDeps } from '../../../lib/operate/ops/operator';
import { type Found, findPerson } from '../../../lib/operate/ops/person';
import type { Person } from '../../../lib/operate/ops/search';
import { MAIL_STEPS, publishedOnly } from '../../../lib/queues/queues';
import { queueWorks } from '../../../lib/queues/works';
import { hashPeople } from '../../support/hash-people';
import { type End, inProcess } from './acts';
import type { Process } from './calls';
import { knownSchema } from './damage';
import { settingsOf, waitsOf } from './deployments';
import { deadLetterQueue, GUARD, laneOf, mainQueue, serviceQueue, urlOf } from './names';
import { withPoison } from './poison';
import { portsOf } from './ports';
import type { Ports, World } from './types';

/** A process has one view of the circuits, which its gate and its rate share. */
const circuitsOf = new WeakMap<Ports, CircuitBreakers>();

/** What workers, the reconciler, the producer and operators need. Without a process: after all deployments. */
export function depsOf(world: World, ports: Ports, process?: Process) {
  const { plan, lanes } = world;
  const { events, topic, ...own } = ports;
  const settings = (queue: string) => settingsOf(laneOf(world, queue), process);
  const circuits = circuitsOf.get(ports) ?? circuitBreakers(own);
  circuitsOf.set(ports, circuits);
  const deps: OperatorDeps & WorkerDeps = {
    ...own,
    hashPeople,
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
    limits: plan.sending,
    works: {},
    ...(plan.share === undefined ? {} : { share: plan.share }),
    ...(plan.events ? { events: publishedOnly(events) } : {}),
    ...(plan.facts ? { topic: { ...topic, overAfterMs: 15 * 60_000, dlqDepth: () => 5 } } : {}),
  };
  const suppression = suppressionList(deps);
  const works = queueWorks({ guard: GUARD, suppression, limits: plan.sending });
  return { ...deps, queues: own.queues, works, audit: 'of-this-run', mailSteps: MAIL_STEPS, suppression };
}

export type Deps = ReturnType<typeof depsOf>;

/** The functions of the service in a process. */
export function codeOf(world: World, process: Process) {
  const ports = portsOf(world, process);
  const deps = depsOf(world, ports, process);
  let worker: Pick<Parameters<typeof handleBatch>[0], 'contract' | 'deps'> | undefined;
  return {
    handle: (event: SQSEvent, remainingMs: number) => {
      worker ??= {
        contract: withPoison(process, world.queue.contract(world, process, ports)),
        deps: depsOf(world, ports, process),
      };
      return handleBatch({ ...worker, event, remainingMs });
    },
    reconcile: (times: Parameters<typeof reconcile>[1]) => reconcile(deps, times),
  };
}

export type Code = ReturnType<typeof codeOf>;

/** Lets someone outside call the code in a new process, and expect some errors. Any other breaks a promise. */
export async function outside<T>(
  world: World,
  who: { name: string; timeoutMs?: number; expects: readonly (new (...given: never[]) => Error)[] },
  act: (deps: Deps) => Promise<T>,
): Promise<End<T>> {
  const { name, timeoutMs = 60_000, expects } = who;
  const end = await inProcess(world, { name, timeoutMs }, (process) =>
    act(depsOf(world, portsOf(world, process), process)),
  );
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
