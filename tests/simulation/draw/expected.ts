import { CALL_FAULTS, START_FAULTS, TARGETS } from '../world/faults';
import { FORGED_FORMS } from '../world/strangers';

export const EXPECTED: readonly string[] = [
  ...CALL_FAULTS.map((fault) => `fault ${fault}`),
  ...START_FAULTS.map((fault) => `start ${fault}`),
  ...TARGETS.map((target) => `outage of ${target}`),
  'lost delete',
  'refused message',
  ...FORGED_FORMS.map((form) => `forged ${form}`),
  'indexes that lag',
  'approximate queues',
  'groups by turns',
  'event of an end',
  'reconciler with a small share',
  'event of a mail',
  'evidence of an event',
  'redrive by command',
  'redrive by move',
  ...['cancel of a queued job', 'retry of a cancelled job', 'retry of a dead job', 'discard of a dead job'],
  ...['waits that change', 'settings that change', 'warm process', 'delivery after a delete'],
  ...['damaged row', 'restored row', 'row of newer code'],
  'call through a circuit that has just opened',
  ...['pause of a vendor', 'rate of an operator', 'resume of a vendor', 'hold by a pause'],
  ...['hold OutsideWindow', 'hold DailyCapReached'],
  ...['clocks 60 s apart', 'clocks 600 s apart', 'messages that arrive late'],
  'resolved as done',
  'resolved as skipped',
  'moved by SQS',
  'time-out of a function',
  ...['queued', 'processing', 'succeeded', 'cancelled(never-sent)', 'cancelled(operator)', 'cancelled(superseded)'].map(
    (state) => `state ${state}`,
  ),
  ...['dead(error)', 'dead(crash)', 'dead(expired)'].map((state) => `state ${state}`),
  ...['held(retry)', 'held(throttled)', 'held(stopped)', 'held(unknown)'].map((state) => `state ${state}`),
  ...['ticket', 'mail', 'tester', 'removal', 'membership', 'invitation', 'build mail', 'item', 'object'].map(
    (effect) => `effect ${effect}`,
  ),
  ...['send', 'invitation', 'notification', 'confirmation'].map((step) => `step ${step} unknown`),
  'step confirmation skipped',
  ...['pause', 'resume', 'cancel'].map((what) => `campaign command ${what}`),
  ...[
    'running',
    'paused(operator)',
    'paused(SendgridRejected)',
    'paused(TooManyBounces)',
    'paused(TooManySpamReports)',
    'cancelled',
    'ended',
  ].map((what) => `campaign ${what}`),
  ...['state held(paused)', 'step excluded done'],
  ...['canary succeeded', 'erasure'],
  ...['bodies', 'lists', 'events', 'rejected'].map((place) => `personal data in ${place}`),
  ...['job planned', 'planned job cancelled', 'planned job not cancelled'],
];

export const unreached = (reached: ReadonlyMap<string, number>): string[] =>
  EXPECTED.filter((what) => !reached.has(what));
