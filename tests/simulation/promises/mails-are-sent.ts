import { bodyKey } from '../../../lib/engine/jobs/keys';
import type { JobRow } from '../../../lib/engine/jobs/row';
import { STEP_UNKNOWN } from '../../../lib/platform/errors';
import { MAIL_STEPS } from '../../../lib/queues/queues';
import { ofKind, sinceOpened } from '../../support/history';
import { MINUTE_MS } from '../draw/build';
import { mailWaitOf, type Plan, skewOf } from '../draw/plan';
import { serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { mayHaveExpired } from './ends-are-deserved';
import { isPlain } from './no-bystanders';
import type { Promised } from './rest';

/** The steps after which only a mail is left of a job. */
const BEFORE: Record<string, string> = { feedback: 'ticket', testflight: 'invitation' };

/** Reasons for which a job has no mail that was never promised. */
const NOT_PROMISED = ['opted-out', 'NotInvited'];

/** The vendor refuses the mail, a later command replaced it, or it killed its worker and nothing of it is left. */
const CANNOT_BE_SENT = ['SendgridRejected', 'Expired', 'BodyMissing', 'CrashLoop', 'Superseded', 'operator'];

/** From its wait's end until a job ends without its mail, if only vendors fail. */
const RELEASED_WITHIN_MS = 10 * MINUTE_MS;

/** A job that succeeded has its mail, or says why not and keeps what is needed to send it. It never dies for its mail. */
export const mailsAreSent: Promised = (world) => {
  const queue = serviceQueue(world);
  if (queue !== 'feedback' && queue !== 'testflight') return undefined;
  for (const row of world.watch.rows()) {
    if (world.damaged.has(row.id)) continue;
    const wrong = row.state === 'dead' ? diedForIt(row) : row.state === 'succeeded' && lacksIt(world, row);
    if (wrong) return `nothing missing in silence: ${row.id} ${wrong}`;
  }
  return undefined;
};

function diedForIt({ steps, error, queue, history }: JobRow): string | undefined {
  if (queue !== 'feedback' || steps.ticket?.status !== 'done') return undefined;
  // It has no mail to die for: its end could not be written, and SQS deleted its message before another run.
  if (error?.code === 'Expired' && NOT_PROMISED.includes(steps.confirmation?.reason ?? '')) return undefined;
  // An operator opened it again, and no run took it before SQS deleted its message.
  if (error?.code === 'Expired' && !sinceOpened(history).some(ofKind('started'))) return undefined;
  return `is dead (${error?.code}), and its ticket is made`;
}

function lacksIt(world: World, row: JobRow): string | undefined {
  const { vendors, reach } = world;
  const { id, without, steps } = row;
  const name = MAIL_STEPS[row.queue] ?? '';
  const step = steps[name];
  const lack = without?.find(({ what }) => what === name);
  const mailed = vendors.sendgrid.mails.some(({ customArgs }) => customArgs.job === id);
  if (!step) return row.queue === 'feedback' ? 'has neither sent its mail nor given it up' : undefined;
  if (step.status === 'done' || NOT_PROMISED.includes(step.reason ?? ''))
    return lack ? `lacks ${lack.code}, but its mail is ${step.status}` : undefined;
  if (!lack) return `lacks its mail (${step.status}, ${step.reason}) and does not say so`;
  reach(lack.code === STEP_UNKNOWN ? 'mail unknown' : 'mail given up');
  if ((lack.code === STEP_UNKNOWN) !== (step.status === 'unknown')) return `says ${lack.code}: it is ${step.status}`;
  if (lack.code === STEP_UNKNOWN) return undefined;
  if (mailed && lack.code !== 'operator') return `says ${lack.code}, but its mail was sent`;
  return endedTooEarly(world, row, lack.code) ?? keepsNothing(world, row, lack.code);
}

/** Whether the job did not wait long enough, or too long if only vendors fail. */
function endedTooEarly({ plan }: World, row: JobRow, code: string): string | undefined {
  const { steps, queue, endedAt = 0, history } = row;
  if (CANNOT_BE_SENT.includes(code)) return undefined;
  const from =
    history.findLast(({ event }) => event === 'resent (operator)')?.at ?? steps[BEFORE[queue] ?? '']?.endedAt;
  const waited = endedAt - (from ?? endedAt) - pausedFor(plan, from ?? endedAt);
  if (waited < mailWaitOf(plan) - 2 * skewOf(plan)) return `gave its mail up (${code}) after ${waited} ms`;
  const isUsual = isPlain(plan) && !plan.unpolled && !plan.broken && plan.limits.length === 0 && !row.resends;
  return isUsual && waited > mailWaitOf(plan) + RELEASED_WITHIN_MS ? `waited ${waited} ms for its mail` : undefined;
}

/** How long an operator surely paused SendGrid after a time. A command about it takes a minute at most. */
function pausedFor(plan: Plan, after: number): number {
  const [pause, ...more] = plan.limits;
  if (!isPlain({ ...plan, limits: [] }) || more.length > 0 || pause?.vendor !== 'sendgrid' || pause.perSecond) return 0;
  return plan.start + pause.at > after ? Math.max(0, pause.lasts - 2 * MINUTE_MS) : 0;
}

function keepsNothing(world: World, row: JobRow, code: string): string | undefined {
  const { stores, plan, kernel } = world;
  // SQS had deleted the message, and only then an operator settled that its mail did not go.
  const hadExpired = code === 'operator' && mayHaveExpired(world, row);
  const isGone = hadExpired || ['Expired', 'BodyMissing', 'Superseded'].includes(code);
  const lost = plan.emptied !== undefined || row.erased || isGone;
  const isKept = row.bodyKept && stores.objects.keys().includes(bodyKey('jobs', row.queue, row.id));
  if (lost || isKept || kernel.now() - (row.endedAt ?? 0) > KEPT_MS) return undefined;
  return `gave its mail up (${code}), and nothing can send it any more`;
}

/** A kept body is deleted 44 days after the end. */
const KEPT_MS = 43 * 24 * 60 * MINUTE_MS;
