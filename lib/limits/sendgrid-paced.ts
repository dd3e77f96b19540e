import { ignoreStoreError, StoreError, TransientError, WaitError } from '../errors';
import type { Clock } from '../ports';
import type { Sendgrid } from '../vendors/sendgrid';
import type { SharedRate } from './rate';

/** A mail waits this long in the function. If the rate has no slot by then, its job waits outside. */
const LONGEST_WAIT_MS = 2_000;

/**
 * SendGrid for single mails that are part of another job, at the rate that all senders share. Without a slot it rejects
 * with a WaitError and sends nothing. When SendGrid throttles one sender, all of them wait.
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
        throw new WaitError({
          code: 'NoRateSlot',
          message: 'no slot of the sending rate is free',
          waitMs: answer.waitMs,
        });
      const waitMs = Math.max(0, answer.slot.at - clock.now());
      if (waitMs > 0) await clock.sleep(waitMs);
      try {
        return await sendgrid.send(mail, { ...options, timeoutMs: options.timeoutMs - waitMs });
      } catch (error) {
        // If this write fails, other senders get their own 429.
        if (error instanceof WaitError) await rate.block(error.waitMs).catch(ignoreStoreError);
        throw error;
      }
    },
  };
}

/** A StoreError would report the whole message as failed. But only the rate failed, and nothing was sent. */
function unavailable(error: unknown): never {
  if (!(error instanceof StoreError)) throw error;
  throw new TransientError({
    code: 'RateUnavailable',
    message: 'the sending rate could not be reserved',
    cause: error,
  });
}
