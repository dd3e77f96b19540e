import type { SimulatedQueue } from '../world/types';
import { analytics } from './analytics';
import { campaigns } from './campaigns';
import { emails } from './emails';
import { feedback } from './feedback';
import { testflight } from './testflight';

/** All simulated queues. Add a new one here. */
export const QUEUES: readonly SimulatedQueue[] = [feedback, emails, campaigns, testflight, analytics];

/** Queues that run together under one name. */
export interface Simulation {
  name: string;
  queues: readonly SimulatedQueue[];
}

/** Each queue alone, and the queues of the service together. */
export const SIMULATIONS: readonly Simulation[] = [
  ...QUEUES.map((queue) => ({ name: queue.name, queues: [queue] })),
  { name: 'together', queues: [feedback, campaigns, testflight, analytics] },
];

export const queueNamed = (name: string): SimulatedQueue => named(QUEUES, name);
export const simulationNamed = (name: string): Simulation => named(SIMULATIONS, name);

export function named<T extends { name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name);
  if (!found) throw new Error(`there is no simulation or scale plan ${name}`);
  return found;
}
