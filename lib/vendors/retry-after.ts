/** If the vendor does not say: Zendesk counts its limits per minute, and SendGrid does not publish its window. */
const DEFAULT_MS = 60_000;
const MIN_MS = 1000;
/** A wrong clock or a header in another unit must not delay a job for days. */
const MAX_MS = 3_600_000;

/**
 * How long a vendor asks us to wait, in milliseconds. Reads `Retry-After` (seconds or an HTTP date), else
 * `X-RateLimit-Reset` (seconds since 1970), else assumes a minute. The result is between a second and an hour.
 */
export function retryAfterMs(headers: Record<string, string | string[] | undefined>, now: number): number {
  const asked =
    fromRetryAfter(headers['retry-after'], now) ?? fromReset(headers['x-ratelimit-reset'], now) ?? DEFAULT_MS;
  return Math.min(MAX_MS, Math.max(MIN_MS, Math.ceil(asked)));
}

function fromRetryAfter(value: string | string[] | undefined, now: number): number | undefined {
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : date - now;
}

function fromReset(value: string | string[] | undefined, now: number): number | undefined {
  return typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 - now : undefined;
}
