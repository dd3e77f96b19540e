import * as z from 'zod';
import { commonEnv } from './common';
import { name, secret } from './values';

export const alarmsEnv = z.object({
  ...commonEnv.shape,
  /** A Discord channel's webhook URL. Anyone who has the URL can post. */
  DISCORD_WEBHOOK_URL: secret,
  /** For the commands in the alarm's message. */
  STAGE: name,
  /** Address of docs/runbook.md, for the links in messages. */
  RUNBOOK: z.url().optional(),
});
