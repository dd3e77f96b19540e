import { analytics } from './queues/analytics';
import { bulkFifo, bulkStandard } from './queues/bulk';
import { campaigns } from './queues/campaigns';
import { emails } from './queues/emails';
import { feedback } from './queues/feedback';
import type { SimulatedQueue } from './queues/simulated';
import { testflight } from './queues/testflight';

/** Every queue that is simulated: a new one joins here. */
export const QUEUES: readonly SimulatedQueue[] = [
  feedback,
  emails,
  campaigns,
  testflight,
  analytics,
  bulkFifo,
  bulkStandard,
];

export function queueNamed(name: string): SimulatedQueue {
  const found = QUEUES.find((queue) => queue.name === name);
  if (!found) throw new Error(`no queue of the name ${name} is simulated`);
  return found;
}
