import type { FactMessage } from '../../../lib/engine/reconcile/facts';
import type { Facts, OutgoingMessage } from '../../../lib/platform/ports';
import type { AcceptedMail } from '../../../packages/local/fakes/sendgrid';
import { createSqsModel } from '../../../packages/local/sqs/model';
import { memoryObjects } from '../../support/memory-objects';
import { memoryQueues } from '../../support/memory-queues';
import { memoryTable } from '../../support/memory-table';
import type { ForgedForm, Plan } from '../draw/plan';
import { createVendors } from '../vendors/vendors';
import { createCaller, type Process } from './calls';
import { createChance } from './chance';
import { createKernel } from './kernel';
import { createTrace } from './trace';
import { createWatch } from './watch';

/** A message that a stranger sent, and how often it was refused. */
interface Forged {
  form: ForgedForm;
  queue: string;
  job: string;
  messageId: string;
  refusals: number;
  /** It began a run of a job. */
  opened?: true;
  /** A worker found that its job had ended, and the job's row had no token. */
  late?: true;
}

export type Shared = ReturnType<typeof sharedBy>;

/** What the queues of a run share. */
export function sharedBy(plan: Plan, detailed: boolean) {
  const kernel = createKernel(plan.start);
  const chance = createChance(plan.seed);
  const trace = createTrace(kernel, { detailed });
  const reached = new Map<string, number>();
  const reach = (what: string) => void reached.set(what, (reached.get(what) ?? 0) + 1);
  let lastTrouble = plan.start;
  /** Notes a fault or outside input, now or at a later time. */
  const trouble = (at = kernel.now()) => {
    lastTrouble = Math.max(lastTrouble, at);
  };
  const sqs = createSqsModel({ now: kernel.now, uuid: chance.uuid, groupOrder: plan.turns ? 'turns' : 'age' });
  return {
    ...{ kernel, chance, trace, reached, reach, trouble, sqs },
    ...createCaller({ kernel, chance, trace, plan, reach, trouble }),
    ...createWatch({ now: kernel.now, reached: reach, inDoubt: () => reached.has('doubt') }),
    /** The time of the last fault or outside input. The run must come to rest within a bound after it. */
    lastTrouble: () => lastTrouble,
    vendors: createVendors(kernel.now),
    stores: {
      table: memoryTable({ lagMs: plan.indexLag ?? 0, now: kernel.now }),
      objects: memoryObjects(),
      queues: memoryQueues(sqs),
    },
    /** Those that are running. */
    processes: new Set<Process>(),
    /** By queue and counter: how often the rows and the metrics say that it happened. */
    counted: new Map<string, { rows: number; metrics: number }>(),
    /** By job: calls to a vendor of which its workers do not know whether they took effect. */
    inDoubt: new Map<string, number>(),
    /** By their mark: the messages of strangers that SQS took. */
    forged: new Map<string, Forged>(),
    /** The vendors that an operator has paused, and from when until when. */
    pauses: new Map<string, { from: number; until: number }>(),
    /** Ids of jobs about which something stored was damaged. */
    damaged: new Set<string>(),
    /** By address: when an operator was told that it is in the suppression list. */
    suppressed: new Map<string, number>(),
    /** By address: the latest that a caller noted, or tried to if it subscribes again. */
    noted: new Map<string, { at: number; reason: 'unsubscribed' | 'resubscribed' }>(),
    /** Until when each campaign's next chunk is held, by what decides that. It takes thousands of steps to find. */
    heldUntil: new Map<string, number>(),
    /** Outside actions that are still to come. */
    pending: new Set<unknown>(),
    /** Called with every message that a process sends, by the queue's name. */
    onSent: [] as ((by: Process, queue: string, message: OutgoingMessage) => void)[],
    onFact: [] as ((fact: FactMessage) => void)[],
    /** Called with every line of the log, and with the process that wrote it. */
    onLog: [] as ((message: string, facts: Facts | undefined, process: string) => void)[],
    onMeasure: [] as ((name: string, value: number, dimensions: Record<string, string>) => void)[],
    /** Called with the mails of every bulk request that SendGrid accepts. */
    onMails: [] as ((mails: readonly AcceptedMail[]) => void)[],
  };
}
