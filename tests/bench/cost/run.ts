import { parseArgs } from 'node:util';
import { packageStage } from '../../../packages/local/template/package';
import { ASSUMED, bill, billedOf, type Month, PLAYED, playedMonth, sumOf } from '../../../resources/cost';
import { table } from '../table';
import { monitoringOf } from './monitoring';

/** The month of a beta, unless the options say otherwise. */
const { values } = parseArgs({
  options: {
    feedback: { type: 'string', default: '3000' },
    mails: { type: 'string', default: '10000' },
    recipients: { type: 'string', default: '90000' },
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
      ...{ feedback: scale * numberOf('feedback'), testflight: scale * numberOf('testflight') },
      ...{ mails: scale * numberOf('mails'), recipients: scale * numberOf('recipients') },
      events: scale * numberOf('events'),
    };
    return bill(month, billed);
  });
  const rows = Object.keys(bills[0] ?? {}).map((service) => [service, ...bills.map((costs) => usd(costs[service]))]);
  const sums = [
    ['of that monitoring', ...bills.map((costs) => usd(monitoringOf(costs)))],
    ['all', ...bills.map((costs) => usd(sumOf(costs)))],
  ];
  console.log(table(['USD a month', ...scales.map((scale) => `${scale} x`)], [...rows, ...sums]));
  console.log(`\nThe compiled template of ${INSTANCE} has ${JSON.stringify(billed)}.`);
  const { traffic } = playedMonth();
  console.log(`Calls and times as in ${PLAYED}, a played month of ${JSON.stringify(traffic)}.`);
  console.log(`Assumed: ${JSON.stringify(ASSUMED)}.`);
  console.log('List prices of us-east-1, November 2025, without free tiers, vendors, storage and data transfer.');
}

const usd = (amount = 0): string => amount.toFixed(2);

void main();
