import { createLedger } from '../../../lib/jobs/ledger';
import type { ReconcileDeps } from '../../../lib/reconcile/run';
import { type CircuitBreakers, circuitBreakers } from '../../../lib/worker/circuit';
import type { WorkerDeps } from '../../../lib/worker/contract';
import type { Process } from './calls';
import { knownSchema } from './damage';
import { settingsOf, waitsOf } from './deployments';
import { deadLetterQueue, GUARD, laneOf, mainQueue, serviceQueue, urlOf } from './names';
import type { Ports, World } from './types';

/** A process has one view of the circuits, which its gate and its rate share. */
const circuitsOf = new WeakMap<Ports, CircuitBreakers>();

export function workerDeps(world: World, ports: Ports, process?: Process): WorkerDeps {
  const { table, clock, random, objects, queues, events, log, metrics } = ports;
  const settings = (queue: string) => settingsOf(laneOf(world, queue), process);
  const base = { table, clock, random };
  const circuits = circuitsOf.get(ports) ?? circuitBreakers(base);
  circuitsOf.set(ports, circuits);
  return {
    clock,
    random,
    objects,
    queues,
    log,
    metrics,
    ledger: createLedger({ ...base, settings, knows: knownSchema(world) }),
    circuits,
    bucket: 'bucket',
    prefix: 'jobs',
    retryWaits: waitsOf(world),
    storeWait: 900,
    settings,
    dlqUrl: (queue) => urlOf(deadLetterQueue(laneOf(world, queue))),
    ...(world.plan.events ? { events } : {}),
  };
}

export function reconcilerDeps(world: World, ports: Ports, process?: Process): ReconcileDeps {
  return {
    ...workerDeps(world, ports, process),
    table: ports.table,
    queues: ports.queues,
    ...(world.plan.share === undefined ? {} : { share: world.plan.share }),
    ...(world.plan.facts ? { topic: { ...ports.topic, overAfterMs: 15 * 60_000, dlqDepth: () => 5 } } : {}),
    queueNames: world.lanes.map(serviceQueue),
    guard: GUARD,
    limits: world.plan.sending,
    queueUrl: (queue) => urlOf(mainQueue(laneOf(world, queue))),
  };
}
