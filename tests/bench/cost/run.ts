import { parseArgs } from 'node:util';
import { packageStage } from '../../../packages/local/template/package';
import { ASSUMED, bill, billedOf, COUNTS, type Month, storedCounts, sumOf } from '../../../resources/cost';
import { table } from '../table';
import { monitoringOf } from './monitoring';

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

const INSTANCE = 'mht-api';

async function main(): Promise<void> {
  const { resources } = await packageStage('prod');
  const billed = billedOf(resources, INSTANCE);
  const scales = [1, 10, 100];
  const bills = scales.map((scale) => {
    const month: Month = {
      ...{ feedback: scale * numberOf('feedback'), emails: scale * numberOf('emails') },
      ...{ events: scale * numberOf('events'), testflight: scale * numberOf('testflight') },
    };
    return bill(storedCounts(), month, billed);
  });
  const rows = Object.keys(bills[0] ?? {}).map((service) => [service, ...bills.map((costs) => usd(costs[service]))]);
  const sums = [
    ['of that monitoring', ...bills.map((costs) => usd(monitoringOf(costs)))],
    ['all', ...bills.map((costs) => usd(sumOf(costs)))],
  ];
  console.log(table(['USD a month', ...scales.map((scale) => `${scale} x`)], [...rows, ...sums]));
  console.log(`\nThe compiled template of ${INSTANCE} has ${JSON.stringify(billed)}.`);
  console.log(`Calls as counted in ${COUNTS}. Assumed: ${JSON.stringify(ASSUMED)}.`);
  console.log('List prices of us-east-1, November 2025, without free tiers, vendors, storage and data transfer.');
}

const usd = (amount = 0): string => amount.toFixed(2);

void main();
