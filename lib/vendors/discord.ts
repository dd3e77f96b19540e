import { StopError } from '../errors';
import type { Secret } from '../ports';
import { isOk, NoAnswer, request } from './http';
import { type Dialect, refusal, unanswered } from './translate';

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
  /** Rejects with a JobError that never names the webhook, because its address is a secret. */
  send(message: DiscordMessage, options: { timeoutMs: number }): Promise<void>;
}

const discord: Dialect = {
  prefix: 'Discord',
  refused: new Set(),
  doubtful: new Set(),
  aboutUs: new Set(),
  unsendable: 'us',
  field: () => undefined,
};
/** Discord may have taken a message that it did not answer. An alarm that arrives twice is better than none. */
const effect = 'repeatable';

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
      const body = JSON.stringify({ ...message, allowed_mentions: { parse: [] } });
      const headers = { 'Content-Type': 'application/json' };
      // Without `wait=true` Discord answers before it checks the message.
      const call = request({ method: 'POST', url: `${webhook}?wait=true`, headers, body, timeoutMs });
      const answer = await call.catch((error: unknown) => {
        throw error instanceof NoAnswer ? unanswered({ dialect: discord, error, effect }) : error;
      });
      if (isOk(answer)) return;
      if (answer.status !== 404) throw refusal({ dialect: discord, answer, effect, now: now() });
      gone = webhook;
      throw webhookGone();
    },
  };
}

const webhookGone = (): StopError =>
  new StopError({ code: 'DiscordWebhookGone', message: 'the webhook was removed (404)', status: 404 });
