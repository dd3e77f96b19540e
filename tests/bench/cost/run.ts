import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { table } from '../table';
import { ASSUMED, bill, type Month, sumOf } from './bill';
import type { Counts } from './count';

/** The month of a beta, unless the options say otherwise. */
const { values } = parseArgs({
  options: {
    feedback: { type: 'string', default: '3000' },
    emails: { type: 'string', default: '100000' },
    events: { type: 'string', default: '3000000' },
    testflight: { type: 'string', default: '500' },
  },
});

function numberOf(option: keyof typeof values): number {
  const number = Number(values[option]);
  if (!Number.isFinite(number) || number < 0) throw new Error(`--${option} must be a number of at least 0`);
  return number;
}

const counts = JSON.parse(readFileSync('tests/bench/cost/counts.json', 'utf8')) as Counts;
const SCALES = [1, 10, 100];
const bills = SCALES.map((scale) => {
  const month: Month = {
    ...{ feedback: scale * numberOf('feedback'), emails: scale * numberOf('emails') },
    ...{ events: scale * numberOf('events'), testflight: scale * numberOf('testflight') },
  };
  return bill(counts, month);
});

const rows = Object.keys(bills[0] ?? {}).map((service) => [service, ...bills.map((costs) => usd(costs[service] ?? 0))]);
console.log(
  table(
    ['USD a month', ...SCALES.map((scale) => `${scale} x`)],
    [...rows, ['all', ...bills.map((costs) => usd(sumOf(costs)))]],
  ),
);
console.log(`\nCalls as counted in tests/bench/cost/counts.json. Assumed: ${JSON.stringify(ASSUMED)}.`);
console.log('List prices of us-east-1, November 2025, without free tiers, vendors, storage and data transfer.');

function usd(amount: number): string {
  return amount.toFixed(2);
}
