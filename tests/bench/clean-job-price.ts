import { PRICES } from '../../resources/cost';
import { storedCalls } from './cost/count';
import { table } from './table';

/** What a worker calls for one feedback job without faults. Writes are in units of the table. */
type Use = Record<'writes' | 'reads' | 'puts' | 'messages', number> & { durableOperations?: number };

const MILLION = 1_000_000;
/** Of a durable function, as published when they began in December 2025. Not checked against a bill. */
const DURABLE_OPERATION_USD = 8e-6;
/** A status row of less than 1 KB without an index, and a result object. Lambda receives and deletes the message. */
const USUAL: Use = { writes: 1, reads: 1, puts: 1, messages: 3 };

/** The list price of a million clean feedback jobs, from counted calls. Lambda time, the same for all, is left out. */
export function cleanJobPrice(durableOperations: number): string {
  const { accept = {}, feedback = {}, wholeFeedback = {} } = storedCalls();
  const of = (name: string) => (accept[name] ?? 0) + (feedback[name] ?? 0);
  const uses: Record<string, Use> = {
    'this engine, first job of a process': {
      writes: wholeFeedback.writeUnits ?? 0,
      reads: of('table.get'),
      puts: of('objects.create'),
      messages: of('queues.send') + 2,
    },
    'plain loop': USUAL,
    'Powertools, defaults': { ...USUAL, writes: USUAL.writes + 2 },
    'Powertools, careful': { ...USUAL, writes: USUAL.writes + 4 },
    'a careful loop': { ...USUAL, writes: 4 },
    'durable function': { ...USUAL, durableOperations },
  };
  const rows = Object.entries(uses).map(([name, use]) => [
    name,
    ...[use.writes, use.reads, use.puts, use.messages, use.durableOperations ?? 0].map((count) => count.toFixed(0)),
    (priceOf(use) * MILLION).toFixed(1),
  ]);
  const head = ['worker', 'write units', 'reads', 'objects', 'SQS', 'durable operations', 'USD a million'];
  return [
    'A feedback job without faults, at list prices. The Lambda time is left out: it is the same.',
    table(head, rows),
  ].join('\n');
}

const priceOf = ({ writes, reads, puts, messages, durableOperations = 0 }: Use): number =>
  writes * PRICES.writeUnit +
  reads * PRICES.readUnit +
  puts * PRICES.s3Put +
  messages * PRICES.sqsRequest +
  durableOperations * DURABLE_OPERATION_USD;
