import { StoreError, TransientError, WaitError } from '../errors';
import type { SharedRate } from '../jobs/rate';
import type { Clock } from '../ports';
import type { Sendgrid } from './sendgrid';

/** A single mail has its turn at once, but for a limit that is used up: then it waits outside. */
const LONGEST_WAIT_MS = 2_000;

/**
 * SendGrid for single mails that are part of another job, by the rate that all senders share. What the rate cannot give
 * is a WaitError before anything is sent, and what SendGrid throttles makes everybody wait.
 */
export function pacedSendgrid(
  sendgrid: Sendgrid,
  { rate, clock }: { rate: SharedRate; clock: Pick<Clock, 'now' | 'sleep'> },
): Sendgrid {
  return {
    send: async (mail, options) => {
      const answer = await rate
        .reserve({ recipients: 1, use: 'message', withinMs: Math.min(LONGEST_WAIT_MS, options.timeoutMs / 2) })
        .catch(unavailable);
      if (answer.kind === 'later')
        throw new WaitError({ code: 'NoRateSlot', message: 'others have the sending rate', waitMs: answer.waitMs });
      const waitMs = Math.max(0, answer.slot.at - clock.now());
      if (waitMs > 0) await clock.sleep(waitMs);
      try {
        return await sendgrid.send(mail, { ...options, timeoutMs: options.timeoutMs - waitMs });
      } catch (error) {
        // Where it cannot be shared, each meets it by themselves.
        if (error instanceof WaitError) await rate.block(error.waitMs).catch(ignoreStoreError);
        throw error;
      }
    },
  };
}

/** Nothing was sent, and the job may say so: it is not the job's own rows that could not be written. */
function unavailable(error: unknown): never {
  if (!(error instanceof StoreError)) throw error;
  throw new TransientError({
    code: 'RateUnavailable',
    message: 'the sending rate could not be reserved',
    cause: error,
  });
}

function ignoreStoreError(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
}
