import { emailsEnv } from '../../lib/config/functions';
import { duration } from '../../lib/duration';
import { type Vendor, vendorsOf } from '../../lib/errors';
import { type Deployment, OperatorError } from '../../lib/ops/operator';
import { type VendorState, vendorStates } from '../../lib/ops/overview';
import { limitVendor } from '../../lib/ops/pause';
import { timeText } from '../../lib/text';
import { type Command, type CommandContext, END, end, JSON_OUTPUT, type Option, oneOf, required } from './command';
import { tableText } from './terminal';

const VENDOR: Option = { usage: 'Vendor, as sls vendors lists them', type: 'string', required: true };
const REASON: Option = { usage: 'Why, in one line. Shown by the chat and sls vendors', type: 'string', required: true };
const RATE: Option = { usage: 'Recipients per second', type: 'string', required: true };

export const vendors = {
  vendors: {
    usage: "Show each vendor's circuit and rate, and what operators have set",
    options: { json: JSON_OUTPUT },
    run: async ({ answer, connect }) => {
      const states = await vendorStates(await connect());
      answer({ vendors: states }, vendorLines(states));
    },
  },

  'vendors pause': {
    usage: 'Stop all calls to a vendor. Its jobs are held until the end',
    writes: true,
    options: { vendor: VENDOR, reason: REASON, ...END },
    run: (context) => limit(context),
  },

  'vendors rate': {
    usage: 'Set the rate of mails, in place of the setting',
    writes: true,
    options: { vendor: VENDOR, to: RATE, reason: REASON, ...END },
    run: (context) => {
      const { success, data } = emailsEnv.shape.EMAIL_RATE.safeParse(required(context.options, 'to'));
      if (!success) throw new OperatorError('--to must be a number above 0 and at most 10000.');
      return limit(context, data);
    },
  },

  'vendors resume': {
    usage: "End a vendor's pause and its rate. The settings apply again",
    writes: true,
    options: { vendor: VENDOR },
    run: async ({ options, out, connect, audited }) => {
      const deps = await connect();
      const vendor = oneOf(options, 'vendor', vendorsOf(deps.queueNames));
      const before = await limitsOf(deps, vendor);
      await audited();
      await deps.circuits.limit(vendor, { paused: undefined, rate: undefined });
      out.lines(before.length > 0 ? before.map((line) => `Ended: ${line}`) : [`Nothing was set for ${vendor}.`]);
    },
  },
} satisfies Record<string, Command>;

async function limit({ options, out, connect, audited, sls }: CommandContext, perSecond?: number): Promise<void> {
  const deps = await connect();
  const vendor = oneOf(options, 'vendor', vendorsOf(deps.queueNames));
  if (perSecond !== undefined && vendor !== 'sendgrid')
    throw new OperatorError(`We pace only sendgrid, not ${vendor}.`);
  const until = end(options, deps.clock.now());
  await audited();
  await limitVendor(deps, { vendor, perSecond, until, reason: required(options, 'reason') });
  out.lines(await limitsOf(deps, vendor));
  out.note(`Workers obey within seconds. To end it: ${sls(`vendors resume ${vendor}`)}`);
}

const limitsOf = async (deps: Deployment, vendor: Vendor): Promise<string[]> =>
  (await vendorStates(deps)).flatMap((state) => (state.vendor === vendor ? state.limits : []));

/** A table of vendors, and below it what operators have set. `hour`: calls in the last hour. */
export const vendorLines = (states: readonly (VendorState & { hour?: string })[]): string[] => [
  ...tableText(
    ['VENDOR', 'CIRCUIT', 'SINCE (UTC)', 'ERROR', 'CALLS/HOUR', 'RATE'],
    states.map(({ vendor, circuit, since, code = '', rate, hour = '' }) => [
      ...[vendor, circuit, timeText(since), code, hour],
      rate ? `${rate.perSecond}/s, taken for ${duration(rate.takenMs / 1000)}` : '',
    ]),
  ),
  ...states.flatMap(({ limits }) => limits),
];
