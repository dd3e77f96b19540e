import { type CallOptions, type Dialect, requestOk, vendorCalls } from '../../platform/http';
import type { Secret } from '../../platform/ports';

export interface Embed {
  title: string;
  description?: string;
  color: number;
  /** ISO 8601. */
  timestamp?: string;
  fields?: { name: string; value: string; inline?: boolean }[];
  footer?: { text: string };
}

/** A message for a webhook. It never mentions a user or a role. */
export interface DiscordMessage {
  embeds: Embed[];
}

const discord: Dialect = {
  prefix: 'Discord',
  // The webhook was removed.
  secretRefused: 404,
  aboutUs: new Set([404]),
};

export type Discord = ReturnType<typeof realDiscord>;

export function realDiscord({ url, now = Date.now }: { url: Secret; now?: () => number }) {
  const calling = vendorCalls({ dialect: discord, secret: url, now });
  return {
    /** Rejects with a JobError that never names the secret webhook. An alarm that arrives twice is better than none. */
    send: (message: DiscordMessage, { timeoutMs }: CallOptions): Promise<void> =>
      calling('repeatable', timeoutMs, async ({ secret: webhook, timeoutMs }) => {
        await requestOk({
          method: 'POST',
          // Without `wait=true` Discord answers before it checks the message.
          url: `${webhook}?wait=true`,
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ ...message, allowed_mentions: { parse: [] } }),
          timeoutMs,
        });
      }),
  };
}
