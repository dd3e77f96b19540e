import type * as z from 'zod';
import type { ItemDeps } from '../../lib/engine/jobs/items';
import type { WorkerDeps } from '../../lib/engine/worker/contract';
import { sharedRate } from '../../lib/mail/rate';
import { realSendgrid } from '../../lib/mail/sendgrid';
import { realSecret } from '../../lib/platform/aws/secrets';
import type { feedbackEnv } from '../../lib/queues/feedback/config';

// Apart from worker.ts: the worker of analytics must not load SendGrid's client at its cold start.
type MailConfig = z.infer<typeof feedbackEnv>;

export const sendgridDeps = (
  config: Pick<MailConfig, 'INSTANCE' | 'SENDING_LIMITS' | 'SENDGRID_ENDPOINT' | 'SENDGRID_API_KEY' | 'EMAIL_RATE'>,
  deps: ItemDeps & Pick<WorkerDeps, 'circuits'>,
) => ({
  sendgrid: realSendgrid({
    endpoint: config.SENDGRID_ENDPOINT,
    apiKey: realSecret(config.SENDGRID_API_KEY),
    instance: config.INSTANCE,
  }),
  rate: sharedRate(
    {
      ...deps,
      rate: config.EMAIL_RATE,
      limits: config.SENDING_LIMITS,
      override: () => deps.circuits.rate('sendgrid'),
    },
    'sendgrid',
  ),
  clock: deps.clock,
});

export const senderOf = (config: Pick<MailConfig, 'SENDGRID_FROM_EMAIL' | 'SENDGRID_FROM_NAME'>) => ({
  email: config.SENDGRID_FROM_EMAIL,
  ...(config.SENDGRID_FROM_NAME !== undefined && { name: config.SENDGRID_FROM_NAME }),
});
