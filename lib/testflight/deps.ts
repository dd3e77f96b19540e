import { WaitError } from '../errors';
import type { AppStoreConnect } from '../vendors/app-store-connect';
import type { CallOptions } from '../vendors/credentials';
import type { Sendgrid } from '../vendors/sendgrid';
import { LONGEST_CALL_MS, type RunContext } from '../worker/contract';
import type { NotificationConfig } from './notification';
import type { Subjects } from './subjects';

export interface TestflightDeps {
  appStoreConnect: AppStoreConnect;
  sendgrid: Sendgrid;
  subjects: Subjects;
  config: NotificationConfig & {
    /** Milliseconds that a notification may wait for SendGrid. */
    notificationWaitMs: number;
    /** How late the effect of a call whose end is unknown may still show at Apple, milliseconds. */
    settleMs: number;
  };
}

/** Calls to Apple of one run: through the vendor's gate, each with a time-out. */
export const callApple =
  ({ appStoreConnect }: TestflightDeps, { vendor, callTimeoutMs }: RunContext) =>
  <T>(call: (apple: AppStoreConnect, options: CallOptions) => Promise<T>): Promise<T> =>
    vendor('app-store-connect', () => call(appStoreConnect, { timeoutMs: callTimeoutMs() }));

export type Apple = ReturnType<typeof callApple>;

/** Lets a job begin, or has it wait: the fewer calls the hour has left, the farther jobs are apart. */
export function awaitBudget({ appStoreConnect }: TestflightDeps): void {
  const waitMs = appStoreConnect.waitMs();
  if (waitMs > 0)
    throw new WaitError({
      code: 'AppStoreConnectBudget',
      message: "few of the hour's calls are left",
      waitMs,
      vendor: 'app-store-connect',
    });
}

/**
 * Before a step is settled that was begun and whose end is unknown: throws a WaitError until the last of its `calls`
 * would show. A killed run says nothing about when it made them, so each counts as long as it may have taken.
 */
export function awaitEffects(
  { steps, now }: RunContext,
  { step, calls = 1, settleMs }: { step: string; calls?: number; settleMs: number },
): void {
  const before = steps.peek(step);
  if (before?.status !== 'started') return;
  const waitMs = before.startedAt + calls * LONGEST_CALL_MS + settleMs - now();
  if (waitMs > 0)
    throw new WaitError({ code: 'MayStillShow', message: `the effect of ${step} may not show yet`, waitMs });
}
