import { type JobError, PermanentError, StopError, TransientError, WaitError } from '../errors';
import type { Secret } from '../ports';
import { type HttpAnswer, isOk, NoAnswer, request } from './http';
import { retryAfterMs } from './retry-after';

export interface Embed {
  title: string;
  description?: string;
  url?: string;
  color: number;
  /** ISO 8601. */
  timestamp?: string;
  fields?: { name: string; value: string; inline?: boolean }[];
  footer?: { text: string };
}

/** A message for a webhook. It never mentions a user or a role. */
export interface DiscordMessage {
  content?: string;
  embeds: Embed[];
}

export interface Discord {
  /**
   * Rejects with a JobError that never names the webhook, because its address is a secret. The class is `wait` for a 429,
   * `stop` for a webhook that is gone or refuses us, `permanent` for a refused message, else `transient`.
   */
  send(message: DiscordMessage, options: { timeoutMs: number }): Promise<void>;
}

export function realDiscord({ url, now = Date.now }: { url: Secret; now?: () => number }): Discord {
  /** The webhook that answered 404. Discord asks callers not to call it again, and counts those calls. */
  let gone: string | undefined;

  async function target(): Promise<string> {
    const known = await url();
    if (known !== gone) return known;
    const fresh = await url({ fresh: true });
    if (fresh !== gone) return fresh;
    throw webhookGone();
  }

  return {
    async send(message, { timeoutMs }) {
      const webhook = await target();
      const answer = await post({ webhook, message, timeoutMs });
      if (isOk(answer)) return;
      if (answer.status === 404) gone = webhook;
      throw refusal(answer, now());
    },
  };
}

/** Without `wait=true` Discord answers before it checks the message. */
async function post({
  webhook,
  message,
  timeoutMs,
}: {
  webhook: string;
  message: DiscordMessage;
  timeoutMs: number;
}): Promise<HttpAnswer> {
  const body = JSON.stringify({ ...message, allowed_mentions: { parse: [] } });
  const headers = { 'Content-Type': 'application/json' };
  try {
    return await request({ method: 'POST', url: `${webhook}?wait=true`, headers, body, timeoutMs });
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (error.reason === 'unsendable')
      throw new StopError({ code: 'DiscordMisconfigured', message: 'DISCORD_WEBHOOK_URL is not a URL' });
    // Discord may have taken the message. An alarm that arrives twice is better than none.
    throw new TransientError({ code: 'DiscordUnavailable', message: `Discord did not answer (${error.reason})` });
  }
}

function refusal({ status, headers, body }: HttpAnswer, now: number): JobError {
  if (status === 429) {
    const seconds = (body as { retry_after?: unknown } | undefined)?.retry_after;
    const waitMs = typeof seconds === 'number' ? Math.ceil(seconds * 1000) : retryAfterMs(headers, now);
    return new WaitError({ code: 'DiscordThrottled', message: 'Discord asks us to wait (429)', status, waitMs });
  }
  if (status === 404) return webhookGone();
  if (status === 401 || status === 403)
    return new StopError({ code: 'DiscordRefuses', message: `the webhook refuses us (${status})`, status });
  if (status >= 500)
    return new TransientError({ code: 'DiscordUnavailable', message: `Discord failed (${status})`, status });
  return new PermanentError({ code: 'DiscordRejected', message: `Discord rejects the message (${status})`, status });
}

const webhookGone = (): StopError =>
  new StopError({ code: 'DiscordWebhookGone', message: 'the webhook was removed (404)', status: 404 });
