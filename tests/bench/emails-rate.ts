import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { realClock, realRandom } from '../../lib/aws/system';
import { realTable } from '../../lib/aws/table';
import { chunkSizeOf } from '../../lib/emails/campaigns/chunk';
import { takeTurn } from '../../lib/emails/turn';
import { sharedRate } from '../../lib/limits/rate';
import { textTable } from '../../lib/local/demo/text-table';
import { against, startDynamo, TABLE } from '../support/emulators';
import { busiest, type Sent } from '../support/rate-run';

const RATE = 200;
const CHUNK = chunkSizeOf(RATE);
const CHUNKS = 30;

/** How much of the limit the workers use, and their highest rate, with real clocks and a table over HTTP. */
export async function emailsRate(): Promise<string> {
  const rows: string[][] = [];
  for (const workers of [1, 2, 8]) {
    const dynamo = await startDynamo();
    const client = new DynamoDBClient(against(dynamo.url));
    try {
      const { sent, missed } = await send({ workers, client });
      const seconds = ((sent.at(-1)?.at ?? 0) - (sent[0]?.at ?? 0)) / 1000;
      const used = (CHUNK * (sent.length - 1)) / seconds / RATE;
      const most = [1, 2, 5].map((chunks) => `${busiest(sent, ((chunks * CHUNK) / RATE) * 1000)}/${chunks * CHUNK}`);
      rows.push([String(workers), `${(used * 100).toFixed(1)} %`, ...most, String(missed)]);
    } finally {
      client.destroy();
      await dynamo.close();
    }
  }
  return [
    `E-mail rate: ${CHUNKS} chunks of ${CHUNK} recipients at a limit of ${RATE} a second; the call takes 300 ms.`,
    'The most recipients within the time of 1, 2 and 5 chunks, compared with the limit, and the missed slots.',
    '',
    textTable(['Workers', 'Limit used', '1 chunk', '2 chunks', '5 chunks', 'Missed'], rows),
  ].join('\n');
}

async function send({ workers, client }: { workers: number; client: DynamoDBClient }) {
  const sent: Sent[] = [];
  let [left, missed] = [CHUNKS, 0];
  const work = async () => {
    const rate = sharedRate(
      { table: realTable({ table: TABLE, client }), clock: realClock, random: realRandom, rate: RATE },
      'sendgrid',
    );
    while (left-- > 0)
      for (;;) {
        const context = { callTimeoutMs: () => 60_000 };
        const turn = await takeTurn({ rate, clock: realClock }, { recipients: CHUNK, use: 'campaign', context });
        const inTime = await turn
          .ready()
          .then(turn.now)
          .then(
            () => true,
            () => false,
          );
        if (!inTime) {
          missed += 1;
          continue;
        }
        sent.push({ at: Date.now(), recipients: CHUNK, use: 'campaign', waitedMs: 0 });
        await realClock.sleep(300);
        break;
      }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return { sent: sent.sort((a, b) => a.at - b.at), missed };
}
