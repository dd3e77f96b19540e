import { gzipSync } from 'node:zlib';
import { matcherOf, SCANS } from '../../../../lib/operate/ops/person';
import { hashed } from '../../../support/hash-people';

const LINES = 5_000;
const line = (n: number) => JSON.stringify({ user: `user-${n}`, email: `user-${n}@example.com` });
const list = Array.from({ length: LINES }, (_, n) => line(n)).join('\n');

test.each<['uploads' | 'lists' | 'events', string | Uint8Array]>([
  ['uploads', list],
  ['lists', list],
  ['events', gzipSync(list)],
])('a search in long %s lets others have their turns', async (place, body) => {
  const matcher = await matcherOf({ hashPeople: async () => hashed }, { email: 'user-7@example.com' });
  let turns = 0;
  let isOver = false;
  const others = () => {
    turns++;
    if (!isOver) setImmediate(others);
  };
  setImmediate(others);

  const { found } = await SCANS[place].look(Buffer.from(body), matcher, 'recipients-1.ndjson');
  isOver = true;

  expect(found).toHaveLength(1);
  expect(turns).toBeGreaterThanOrEqual(LINES / 1_000 - 1);
});
