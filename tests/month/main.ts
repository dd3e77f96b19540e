import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { TRAFFIC } from './calendar';
import { textOf } from './page';
import { play } from './play';

const USAGE = `Plays a month of the beta and prints its page.
usage: npm run month [-- --days 30] [--times 1] [--seed 1] [--json FILE]
  --days   so many of its days, from the first on
  --times  so many times the traffic: a day at 10 takes about two minutes
  --seed   other draws of the same plan
  --json   also writes the page into this file`;

function given() {
  const string = { type: 'string' } as const;
  const { values } = parseArgs({ options: { days: string, times: string, seed: string, json: string } });
  const { days = '30', times = '1', seed = '1', json } = values;
  const numbers = { days: Number(days), times: Number(times), seed: Number(seed) };
  if (!Object.values(numbers).every((one) => one > 0) || numbers.days > 30) throw new Error(USAGE);
  return { ...numbers, json };
}

async function main(): Promise<void> {
  const { days, times, seed, json } = given();
  const begun = Date.now();
  const page = await play({
    ...{ days, seed, share: Object.fromEntries(Object.keys(TRAFFIC).map((what) => [what, times])) },
    onHour: (hour) => {
      if (hour % 24 === 0) process.stderr.write(`day ${hour / 24}, ${Math.round((Date.now() - begun) / 1000)} s\n`);
    },
  });
  process.stdout.write(textOf(page));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(page, null, 2)}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
