import type { QueueSettings } from '../../../lib/config';
import { dlqName, queueName } from '../../../lib/jobs/keys';
import type { JobRow } from '../../../lib/jobs/row';
import type { AcceptedMail } from '../../../lib/local/fakes/sendgrid-model';
import { createSqsModel } from '../../../lib/local/sqs/model';
import type { SqsModel } from '../../../lib/local/sqs/types';
import type { BatchQueues, Item, Objects, Queues, Table } from '../../../lib/ports';
import { memoryObjects } from '../../support/memory-objects';
import { memoryQueues } from '../../support/memory-queues';
import { memoryTable } from '../../support/memory-table';
import type { Load, Plan } from '../draw/plan';
import type { Mutant } from '../mutants/mutant';
import { queueNamed } from '../queues/queues';
import type { SimulatedQueue } from '../queues/simulated';
import { createVendors, VENDOR_SECRET, type Vendors } from '../vendors/vendors';
import { type Bus, createBus } from './bus';
import { type Caller, createCaller, type Process } from './calls';
import { type Chance, createChance } from './chance';
import { createKernel, type Event, type Kernel } from './kernel';
import { ACCOUNT, deadLetterQueue, INSTANCE, mainQueue, REGION, serviceQueue } from './names';
import { createTrace, type Trace } from './trace';
import { startsReleased } from './versions';
import { createWatch, type Death, type Watch } from './watch';

/** The whole world of one run, seen from one of its queues. */
export interface World extends Lane {
  /** The same world seen from each of its queues. They share all but the fields of `Lane`. */
  lanes: readonly World[];
  mutant: Mutant | undefined;
  kernel: Kernel;
  chance: Chance;
  trace: Trace;
  call: Caller;
  vendors: Vendors;
  stores: { table: Table; objects: Objects; queues: Queues & BatchQueues; events: Bus };
  sqs: SqsModel;
  /** How often each fault, state and effect was reached. */
  reached: ReadonlyMap<string, number>;
  reach(what: string): void;
  /** The time of the last fault or outside input. The run must come to rest within a bound after it. */
  lastTrouble(): number;
  trouble(at?: number): void;
  /** The processes that are alive. */
  processes: { readonly size: number };
  spawn(options: { name: string; timeoutMs?: number; ended: (reason: string) => void }): Process;
  exit(process: Process): void;
  /** Ids of jobs about which something stored was damaged. */
  damaged: Set<string>;
  /** Outside actions that are still to come. */
  pending: Set<unknown>;
  /** Called on every change of stored data, every death of a job, and every version of a row or other item. */
  onChange: (() => void)[];
  onDeath: ((death: Death) => void)[];
  onRow: ((row: JobRow) => void)[];
  onItem: ((item: Item) => void)[];
  /** Called with every value of a metric. */
  onMeasure: ((name: string, value: number, dimensions: Record<string, string>) => void)[];
  /** Called with the mails of every bulk request that SendGrid accepts. */
  onMails: ((mails: readonly AcceptedMail[]) => void)[];
}

/** The part of the world that belongs to one queue. */
interface Lane {
  /** The plan, with this queue's load. */
  plan: Plan;
  queue: SimulatedQueue;
  settings: QueueSettings;
  /** Its `rows` are those of this queue. */
  watch: Watch;
}

export function createWorld(plan: Plan, options: { detailed?: boolean; mutant?: Mutant | undefined } = {}): World {
  const kernel = createKernel(plan.start);
  const chance = createChance(plan.seed);
  const trace = createTrace(kernel, { detailed: options.detailed ?? false });
  const reached = new Map<string, number>();
  const reach = (what: string) => void reached.set(what, (reached.get(what) ?? 0) + 1);
  let lastTrouble = plan.start;
  const trouble = (at = kernel.now()) => {
    lastTrouble = Math.max(lastTrouble, at);
  };
  const onChange: (() => void)[] = [];
  const onDeath: ((death: Death) => void)[] = [];
  const onRow: ((row: JobRow) => void)[] = [];
  const onItem: ((item: Item) => void)[] = [];
  const watch = createWatch({
    now: kernel.now,
    reached: reach,
    inDoubt: () => reached.has('doubt'),
    died: (death) => {
      for (const listener of onDeath) listener(death);
    },
    written: (row) => {
      for (const listener of onRow) listener(row);
    },
    noted: (item) => {
      if (item.key.startsWith('ticket#')) reach('line longer than its front');
      for (const listener of onItem) listener(item);
    },
    changed: () => {
      for (const listener of onChange) listener();
    },
  });
  const sqs = createSqsModel({
    now: kernel.now,
    uuid: () => chance.uuid(),
    region: REGION,
    account: ACCOUNT,
    groupOrder: plan.turns ? 'turns' : 'age',
  });
  const processes = new Map<Process, Event | undefined>();
  const exit = (process: Process) => {
    process.alive = false;
    kernel.cancel(processes.get(process));
    processes.delete(process);
  };

  const shared: Omit<World, keyof Lane | 'lanes'> = {
    mutant: options.mutant,
    kernel,
    chance,
    trace,
    call: createCaller({ kernel, chance, trace, plan, secret: VENDOR_SECRET, reached: reach, faulty: trouble }),
    vendors: createVendors(kernel.now),
    stores: {
      table: memoryTable({ lagMs: plan.indexLag ?? 0, now: kernel.now }),
      objects: memoryObjects({ now: kernel.now }),
      queues: memoryQueues(sqs),
      events: createBus({ now: kernel.now, watch, reached: reach, retention: (queue) => retentionOf(queue) }),
    },
    sqs,
    reached,
    reach,
    lastTrouble: () => lastTrouble,
    trouble,
    processes,
    spawn: ({ name, timeoutMs, ended }) => {
      const released = startsReleased({ plan, kernel, chance });
      if (released) reach(`released ${name.split(' ')[0]}`);
      const process: Process = {
        name: released ? `${name} (old)` : name,
        alive: true,
        released,
        skew: chance.pick(plan.skew === undefined ? [0, 0, 700, 2_000] : [0, 0, plan.skew / 2, plan.skew]),
        die: (reason) => {
          if (!process.alive) return;
          exit(process);
          reach('doubt');
          reach('death');
          trace.add({ who: process.name, what: 'died', outcome: reason });
          ended(reason);
        },
      };
      const overrun = () => {
        reach('time-out of a function');
        trouble();
        process.die('timeout');
      };
      processes.set(process, timeoutMs === undefined ? undefined : kernel.setTimeout(overrun, timeoutMs));
      return process;
    },
    exit,
    damaged: new Set(),
    pending: new Set(),
    onChange,
    onDeath,
    onRow,
    onItem,
    onMeasure: [],
    onMails: [],
  };
  const retentionOf = (queue: string) => lanes.find((lane) => serviceQueue(lane) === queue)?.settings.retention ?? 0;
  const lanes: World[] = [];
  for (const load of [plan, ...plan.beside]) lanes.push({ ...shared, ...lane(load), lanes });
  return lanes[0] as World;

  function lane(load: Load): Lane {
    const queue = queueNamed(load.queue);
    const name = serviceQueue({ queue });
    const settings = {
      ...queue.settings,
      ...(plan.retention === undefined ? {} : { retention: plan.retention }),
      ...(plan.dlqRetention === undefined ? {} : { dlqRetention: plan.dlqRetention }),
    };
    createQueues(sqs, name, settings);
    sqs.onChange(mainQueue({ queue, settings }), watch.changed);
    const dlq = deadLetterQueue({ queue, settings });
    sqs.onChange(dlq, () => {
      watch.changed();
      if (sqs.messages(dlq).some(({ deadLetterSourceArn }) => deadLetterSourceArn)) reach('moved by SQS');
    });
    const rows = () => watch.rows().filter((row) => row.queue === name);
    const seen = plan.beside.length === 0 ? watch : { ...watch, rows };
    return { plan: { ...plan, ...load }, queue, settings, watch: seen };
  }
}

function createQueues(sqs: SqsModel, name: string, settings: QueueSettings): void {
  const { type, receives, retention, dlqRetention, visibility } = settings;
  const fifo: Record<string, string> = type === 'fifo' ? { FifoQueue: 'true' } : {};
  sqs.createQueue({
    QueueName: dlqName(INSTANCE, name, type),
    Attributes: { ...fifo, MessageRetentionPeriod: String(dlqRetention), VisibilityTimeout: '30' },
  });
  const target = `arn:aws:sqs:${REGION}:${ACCOUNT}:${dlqName(INSTANCE, name, type)}`;
  sqs.createQueue({
    QueueName: queueName(INSTANCE, name, type),
    Attributes: {
      ...fifo,
      MessageRetentionPeriod: String(retention),
      VisibilityTimeout: String(visibility),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: target, maxReceiveCount: receives }),
    },
  });
}
