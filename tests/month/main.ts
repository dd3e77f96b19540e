import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs, promisify } from 'node:util';
import { PLAYED, type PlayedMonth } from '../../resources/cost';
import { bundledPlay } from './bundled';
import { type Page, textOf, times as timesUsed } from './page';
import { sampled, samplesText, shareOf } from './samples';

const USAGE = `Plays a month of the beta and prints its page.
usage: npm run month [-- --days 30] [--times 1] [--seed 1] [--json FILE] [--store]
       npm run month -- --samples
  --days   so many of its days, from the first on
  --times  so many times the traffic: a day at 10 takes about two minutes
  --seed   other draws of the same plan
  --json   also writes the page into this file
  --samples  plays parts of a day at 10 and 100 times the traffic, and prints their bill. A whole month does it beside itself
  --store  also writes what a whole month used into ${PLAYED}, for npm run cost`;

function given() {
  const string = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = { days: string, times: string, seed: string, json: string, store: flag, samples: flag };
  const { days = '30', times = '1', seed = '1', json, store, samples } = parseArgs({ options }).values;
  const numbers = { days: Number(days), times: Number(times), seed: Number(seed) };
  if (
    !Object.values(numbers).every((one) => one > 0) ||
    numbers.days > 30 ||
    (store && (numbers.days < 30 || times !== '1'))
  )
    throw new Error(USAGE);
  return { ...numbers, json, store, samples };
}

const run = promisify(execFile);
type Play = ReturnType<Awaited<ReturnType<typeof bundledPlay>>>;

/** The month, and thirty times a day without traffic. */
async function playedMonth({ traffic, used }: Page, play: Play): Promise<PlayedMonth> {
  const quiet = await play({ days: 1, share: shareOf(0), trouble: [] });
  return { traffic, used, idle: timesUsed(quiet.used, 30) };
}

const rounded = <T>(all: T): T =>
  JSON.parse(JSON.stringify(all), (_, value) => (typeof value === 'number' ? Math.round(value) : value)) as T;

async function main(): Promise<void> {
  const { days, times, seed, json, store, samples } = given();
  const play = (await bundledPlay())();
  if (samples) return void process.stdout.write(samplesText(await sampled(play)));
  const isWhole = days === 30 && times === 1;
  // A play keeps one core busy, and this process with it: what the other says is read when the month is over.
  const beside = isWhole ? run(process.execPath, [...process.execArgv, __filename, '--samples']) : undefined;
  const begun = Date.now();
  const page = await play({
    ...{ days, seed, share: shareOf(times) },
    onHour: (hour) => {
      if (hour % 24 === 0) process.stderr.write(`day ${hour / 24}, ${Math.round((Date.now() - begun) / 1000)} s\n`);
    },
  });
  process.stdout.write(textOf(page));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(page, null, 2)}\n`);
  if (store) writeFileSync(PLAYED, `${JSON.stringify(rounded(await playedMonth(page, play)), null, 2)}\n`);
  if (beside) process.stdout.write(`\n${(await beside).stdout}`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
