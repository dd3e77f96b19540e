import { realSecret } from '../aws/secrets';
import type { EmailsConfig } from '../config/emails';
import type { ItemDeps } from '../jobs/ledger';
import { sharedRate } from '../limits/rate';
import { realSendgrid } from '../vendors/sendgrid';

type SendgridConfig = Pick<EmailsConfig, 'INSTANCE' | 'SENDGRID_ENDPOINT' | 'SENDGRID_API_KEY' | 'EMAIL_RATE'>;

export const sendgridDeps = (config: SendgridConfig, deps: ItemDeps) => ({
  sendgrid: realSendgrid({
    endpoint: config.SENDGRID_ENDPOINT,
    apiKey: realSecret(config.SENDGRID_API_KEY),
    instance: config.INSTANCE,
  }),
  rate: sharedRate({ ...deps, rate: config.EMAIL_RATE }, 'sendgrid'),
  clock: deps.clock,
});
