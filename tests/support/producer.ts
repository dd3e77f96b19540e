import { createLedger } from '../../lib/engine/jobs/ledger';
import type { JobRow } from '../../lib/engine/jobs/row';
import { suppressionList } from '../../lib/mail/suppression';
import type { BatchQueues, Facts, Log, Objects, Queues, Table } from '../../lib/platform/ports';
import { createSqsModel } from '../../packages/local/sqs/model';
import type { ProducerDeps } from '../../packages/producer/campaign';
import { type Connection, clientOf } from '../../packages/producer/client';
import { packingLimits } from '../../packages/producer/tracker';
import { hashPeople } from './hash-people';
import { memoryClock, memoryRandom } from './memory-clock';
import { memoryObjects } from './memory-objects';
import { memoryQueues } from './memory-queues';
import { memoryTable, type Used } from './memory-table';
import { fifoSettings } from './queue-pair';

export const feedbackSettings = { ...fifoSettings, room: 20 };

export const readWhole = (objects: Pick<Objects, 'get'>) =>
  async function* (key: string): AsyncGenerator<Uint8Array> {
    yield (await objects.get(key)) ?? new Uint8Array();
  };

type AllQueues = Queues & BatchQueues;

/** Functions that may add faults, and what else differs. */
export interface Wrap extends Partial<Pick<Connection, 'emailRate' | 'settings' | 'ownFiles'>> {
  table?: (table: Table) => Table;
  /** Called with the table's used capacity units. */
  used?: (use: Used) => void;
  queues?: (queues: AllQueues) => AllQueues;
  objects?: (objects: Objects) => Objects;
}

/** The client over ports in memory, its dependencies and all stored data. Its tracker sends only when it is told to. */
export function memoryProducerDeps(given: Wrap = {}) {
  const { emailRate = 100, settings = () => feedbackSettings, ownFiles = true, ...wrap } = given;
  const clock = memoryClock();
  const random = memoryRandom();
  const table = memoryTable({ used: wrap.used });
  const objects = memoryObjects();
  const model = createSqsModel({ now: clock.now, uuid: random.uuid });
  model.createQueue({ QueueName: 'my-feedback.fifo', Attributes: { FifoQueue: 'true' } });
  const queues = memoryQueues(model);
  const lines: { level: keyof Log; message: string; facts: Facts }[] = [];
  const log = (level: keyof Log): Log['info'] => {
    return (message, facts = {}) => void lines.push({ level, message, facts });
  };
  const ports = { table: wrap.table?.(table) ?? table, clock, random, settings };
  const deps: Connection & Pick<ProducerDeps, 'ledger'> = {
    ...ports,
    ledger: createLedger(ports),
    queueNames: ['feedback', 'emails', 'testflight', 'analytics'],
    queues: wrap.queues?.(queues) ?? queues,
    objects: wrap.objects?.(objects) ?? objects,
    readObject: readWhole(objects),
    hashPeople,
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    suppression: suppressionList({ objects, prefix: 'jobs', hashPeople }),
    prefix: 'jobs',
    ownFiles,
    emailRate,
    source: '/my-instance/api',
    queueUrl: () => 'https://sqs.us-east-1.amazonaws.com/000000000000/my-feedback.fifo',
    sign: async ({ key, contentType }) => ({
      url: 'https://bucket.example.com',
      fields: { key, 'Content-Type': contentType },
    }),
    disconnect: async () => {},
  };
  const still = { now: clock.now, sleep: () => new Promise<void>(() => {}) };
  const options = { analytics: packingLimits.parse({}), clock: still, marksAfterAnswer: false };
  return {
    deps,
    producer: clientOf(async () => deps, options),
    clock,
    random,
    table,
    objects,
    model,
    lines,
    rows: () => table.items().map((item) => item as unknown as JobRow),
    messages: () => model.messages('my-feedback.fifo'),
    events: () => model.messages('my-feedback.fifo').map(({ body }) => JSON.parse(body) as Record<string, unknown>),
  };
}
