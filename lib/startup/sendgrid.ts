import type * as z from 'zod';
import { realSecret } from '../aws/secrets';
import type { emailsEnv, feedbackEnv } from '../config/functions';
import type { ItemDeps } from '../jobs/ledger';
import { sharedRate } from '../limits/rate';
import { realSendgrid } from '../vendors/sendgrid';

type SendgridConfig = Pick<
  z.infer<typeof emailsEnv>,
  'INSTANCE' | 'SENDGRID_ENDPOINT' | 'SENDGRID_API_KEY' | 'EMAIL_RATE'
>;

export const sendgridDeps = (config: SendgridConfig, deps: ItemDeps) => ({
  sendgrid: realSendgrid({
    endpoint: config.SENDGRID_ENDPOINT,
    apiKey: realSecret(config.SENDGRID_API_KEY),
    instance: config.INSTANCE,
  }),
  rate: sharedRate({ ...deps, rate: config.EMAIL_RATE }, 'sendgrid'),
  clock: deps.clock,
});

type SenderConfig = Pick<z.infer<typeof feedbackEnv>, 'SENDGRID_FROM_EMAIL' | 'SENDGRID_FROM_NAME'>;

export const senderOf = ({ SENDGRID_FROM_EMAIL: email, SENDGRID_FROM_NAME: name }: SenderConfig) => ({
  email,
  ...(name !== undefined && { name }),
});
