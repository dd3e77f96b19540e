import { createProducer } from '../../lib/producer/producer';
import { memoryProducerDeps } from '../support/producer';

const MILLION = 1_000_000;

/** A CSV file of a million recipients with data of their own, in pieces of 64 KiB. */
function* file(): Generator<string> {
  let piece = 'email,name,city,code\n';
  for (let n = 0; n < MILLION; n++) {
    piece += `user-${n}@example.com,User ${n},Town ${n % 100},${n * 7}\n`;
    if (piece.length < 64 * 1024) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

/** Prints the most resident memory while a million recipients are accepted; the bucket counts and forgets. */
async function main(): Promise<void> {
  let [most, bytes, objects] = [0, 0, 0];
  const before = process.memoryUsage.rss();
  const memory = memoryProducerDeps({
    objects: (port) => ({
      ...port,
      put: async (_key, body) => {
        objects += 1;
        bytes += body.length;
        most = Math.max(most, process.memoryUsage.rss());
      },
    }),
  });
  const producer = createProducer({ ...memory.deps, emailRate: 1_000 });
  const begun = performance.now();
  const accepted = await producer.campaign(
    { from: { email: 'news@example.com' }, templateId: `d-${'0'.repeat(32)}` },
    { csv: file() },
  );
  process.stdout.write(
    `${accepted.recipients.toLocaleString('en')} recipients from CSV in ${((performance.now() - begun) / 1000).toFixed(0)} s: ` +
      `${objects.toLocaleString('en')} objects, ${Math.round(bytes / 1e6)} MB, at most ${Math.round(most / 1e6)} MB of memory, ${Math.round(before / 1e6)} MB of it there before.\n`,
  );
}

void main();
