import { createLedger } from '../../lib/jobs/ledger';
import type { JobRow } from '../../lib/jobs/row';
import type { Facts, Log, Objects, Queues, Table } from '../../lib/ports';
import { createSqsModel } from '../../packages/local/sqs/model';
import type { ProducerDeps } from '../../packages/producer/campaign';
import { createProducer } from '../../packages/producer/client';
import { hashPeople } from './hash-people';
import { memoryClock, memoryRandom } from './memory-clock';
import { memoryObjects } from './memory-objects';
import { memoryQueues } from './memory-queues';
import { memoryTable } from './memory-table';
import { fifoSettings } from './queue-pair';

export const feedbackSettings = { ...fifoSettings, room: 20 };

export const readWhole = (objects: Pick<Objects, 'get'>) =>
  async function* (key: string): AsyncGenerator<Uint8Array> {
    yield (await objects.get(key)) ?? new Uint8Array();
  };

/** A producer's dependencies in memory, with all stored data. `wrap` may add faults. */
export function memoryProducerDeps(
  wrap: {
    table?: (table: Table) => Table;
    queues?: (queues: Queues) => Queues;
    objects?: (o: Objects) => Objects;
  } = {},
) {
  const clock = memoryClock();
  const random = memoryRandom();
  const table = memoryTable();
  const objects = memoryObjects();
  const model = createSqsModel({ now: clock.now, uuid: random.uuid });
  model.createQueue({ QueueName: 'my-feedback.fifo', Attributes: { FifoQueue: 'true' } });
  const queues = memoryQueues(model);
  const queueUrl = () => 'https://sqs.us-east-1.amazonaws.com/000000000000/my-feedback.fifo';
  const lines: { level: keyof Log; message: string; facts: Facts }[] = [];
  const log = (level: keyof Log): Log['info'] => {
    return (message, facts = {}) => void lines.push({ level, message, facts });
  };
  const ports = { table: wrap.table?.(table) ?? table, clock, random, settings: () => feedbackSettings };
  const deps: ProducerDeps & { queueNames: readonly string[] } = {
    ...ports,
    ledger: createLedger(ports),
    queueNames: ['feedback', 'emails', 'testflight'],
    queues: wrap.queues?.(queues) ?? queues,
    objects: wrap.objects?.(objects) ?? objects,
    readObject: readWhole(objects),
    hashPeople,
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    prefix: 'jobs',
    emailRate: 100,
    source: '/my-instance/api',
    queueUrl,
  };
  return {
    deps,
    producer: createProducer(deps),
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
