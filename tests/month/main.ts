import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { textOf } from './page';
import { play } from './play';

/** Plays the month of the beta, and prints its page. */
async function main(): Promise<void> {
  const string = { type: 'string' } as const;
  const { values } = parseArgs({ options: { days: string, events: string, seed: string, json: string } });
  const { days = '30', events = '1', seed = '1', json } = values;
  const begun = Date.now();
  const page = await play({
    ...{ days: Number(days), seed: Number(seed), share: { events: Number(events) } },
    onHour: (hour) => {
      if (hour % 24 === 0) process.stderr.write(`day ${hour / 24}, ${Math.round((Date.now() - begun) / 1000)} s\n`);
    },
  });
  process.stdout.write(textOf(page));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(page, null, 2)}\n`);
}

void main();
