import { Pool } from 'pg';
import { relayOnce } from '../../examples/express-api/src/outbox';
import { realClock, realRandom } from '../../lib/platform/aws/system';
import { localPorts } from '../../packages/local/connection';
import { clientOf } from '../../packages/producer/client';
import { packingLimits } from '../../packages/producer/tracker';
import { TABLE } from './emulators';
import { memoryProducerDeps } from './producer';

/** A relay over Postgres, SQS and the table, with something to do at each of its steps. */
export async function outboxRelay(host: string, urls: Parameters<typeof localPorts>[0], atStep: () => void) {
  const step =
    <A extends unknown[], R>(act: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      atStep();
      return act(...given);
    };
  const { table, queues } = localPorts(urls, { table: TABLE, bucket: 'a-bucket' });
  const pool = new Pool({ host, user: 'postgres' });
  // `end` does not wait for the end of its connections, and that of the server may come first.
  pool.on('error', () => {});
  const producer = clientOf(
    async () => ({
      ...memoryProducerDeps().deps,
      ...{ clock: realClock, random: realRandom },
      table: { ...table, put: step(table.put) },
      queues: { ...queues, send: step(queues.send), sendBatch: step(queues.sendBatch) },
    }),
    { analytics: packingLimits.parse({}), clock: realClock, marksAfterAnswer: false },
  );
  const connect = async () => {
    const client = await pool.connect();
    const query = step((text: string, values?: unknown[]) => client.query(text, values));
    return { query, release: (destroy?: boolean) => client.release(destroy) };
  };
  await relayOnce({ connect }, producer, () => {});
  await pool.end();
}

/** As a process, it is killed after this many steps. */
async function main([host = '', urls = '', steps = '']: string[]): Promise<void> {
  let left = Number(steps);
  await outboxRelay(host, JSON.parse(urls), () => left-- > 0 || process.kill(process.pid, 'SIGKILL'));
  process.exit();
}

if (require.main === module) void main(process.argv.slice(2));
