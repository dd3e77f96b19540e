import { CALL_FAULTS, START_FAULTS, TARGETS } from '../world/faults';
import { FORGED_FORMS } from './plan';

/** What all runs together must reach, by its first words. */
const EXPECTED: Record<string, readonly string[]> = {
  fault: CALL_FAULTS,
  start: START_FAULTS,
  'outage of': TARGETS,
  forged: FORGED_FORMS,
  state: [
    ...['queued', 'processing', 'succeeded', 'cancelled(never-sent)', 'cancelled(operator)', 'cancelled(superseded)'],
    ...['dead(error)', 'dead(crash)', 'dead(expired)'],
    ...['held(retry)', 'held(throttled)', 'held(stopped)', 'held(unknown)', 'held(paused)'],
  ],
  effect: ['ticket', 'mail', 'tester', 'removal', 'membership', 'invitation', 'build mail', 'object'],
  step: [
    ...['send unknown', 'invitation unknown', 'notification unknown', 'confirmation unknown'],
    ...['confirmation skipped', 'excluded done', 'reduced-1 done', 'reduced-2 done'],
  ],
  campaign: [
    ...['running', 'cancelled', 'ended', 'paused(operator)', 'paused(SendgridRejected)'],
    ...['paused(TooManyBounces)', 'paused(TooManySpamReports)'],
    ...['command pause', 'command resume', 'command cancel'],
  ],
  'personal data in': ['bodies', 'lists', 'events', 'rejected'],
  'redrive by': ['command', 'move', 'move after replace', 'move after discard'],
  'resolved as': ['done', 'skipped'],
  hold: ['by a pause', 'OutsideWindow', 'DailyCapReached'],
};

/** Other things, one by one. */
const ALSO = [
  ...[
    'lost delete',
    'run excused by its witness',
    'refused message',
    'indexes that lag',
    'approximate queues',
    'groups by turns',
  ],
  ...['event of an end', 'event of a mail', 'evidence of an event', 'reconciler with a small share'],
  ...['cancel of a queued job', 'retry of a cancelled job', 'retry of a dead job', 'discard of a dead job'],
  ...['waits that change', 'settings that change', 'warm process', 'delivery after a delete'],
  ...[
    'damaged row',
    'restored row',
    'damaged circuit',
    'restored circuit',
    ...['damaged campaign', 'restored campaign', 'damaged pause', 'restored pause'],
    'row of newer code',
    'call through a circuit that has just opened',
  ],
  ...[
    'pause of a vendor',
    'rate of an operator',
    'resume of a vendor',
    'trial by an operator',
    'moved by SQS',
    'time-out of a function',
  ],
  ...['clocks 60 s apart', 'clocks 600 s apart', 'messages that arrive late', 'canary succeeded', 'erasure'],
  ...['mail given up', 'mail unknown', 'mail settled as done', 'mail settled as skipped', 'mail resent'],
  ...['tracked alone', 'tracked together'],
  ...['job planned', 'planned job cancelled', 'planned job not cancelled'],
];

export const unreached = (reached: ReadonlyMap<string, number>): string[] =>
  [...Object.entries(EXPECTED).flatMap(([words, all]) => all.map((each) => `${words} ${each}`)), ...ALSO].filter(
    (what) => !reached.has(what),
  );
