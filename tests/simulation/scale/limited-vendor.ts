import { WaitError } from '../../../lib/errors';

const MINUTE_MS = 60_000;

/** A vendor that accepts so many requests in each minute of its own clock. It answers 429 to all others. */
export function limitedVendor({ now, aMinute, offsetMs }: { now: () => number; aMinute: number; offsetMs: number }) {
  let minute = 0;
  let taken = 0;
  let refused = 0;
  return {
    request(): void {
      const current = Math.floor((now() - offsetMs) / MINUTE_MS);
      if (current !== minute) taken = 0;
      minute = current;
      if (taken < aMinute) {
        taken++;
        return;
      }
      refused++;
      const waitMs = Math.ceil(((current + 1) * MINUTE_MS + offsetMs - now()) / 1000) * 1000;
      throw new WaitError({ code: 'ZendeskThrottled', message: '429', vendor: 'zendesk', status: 429, waitMs });
    },
    refused: () => refused,
  };
}
