import { analytics } from './analytics';
import { bulkFifo, bulkStandard } from './bulk';
import { campaigns } from './campaigns';
import { emails } from './emails';
import { feedback } from './feedback';
import type { SimulatedQueue } from './simulated';
import { testflight } from './testflight';

/** Every queue that is simulated: a new one joins here. */
const QUEUES: readonly SimulatedQueue[] = [feedback, emails, campaigns, testflight, analytics, bulkFifo, bulkStandard];

/** Runs that are drawn from one name. */
export interface Simulation {
  name: string;
  queues: readonly SimulatedQueue[];
}

/** Each queue by itself, and those of the service as they are deployed: side by side. */
export const SIMULATIONS: readonly Simulation[] = [
  ...QUEUES.map((queue) => ({ name: queue.name, queues: [queue] })),
  { name: 'together', queues: [feedback, campaigns, testflight, analytics] },
];

export const queueNamed = (name: string): SimulatedQueue => named(QUEUES, name);
export const simulationNamed = (name: string): Simulation => named(SIMULATIONS, name);

function named<T extends { name: string }>(all: readonly T[], name: string): T {
  const found = all.find((one) => one.name === name);
  if (!found) throw new Error(`nothing of the name ${name} is simulated`);
  return found;
}
