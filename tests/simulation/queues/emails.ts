import { jobKey } from '../../../lib/engine/jobs/keys';
import { campaigns } from '../../../lib/queues/emails/campaigns/campaign';
import { EMAIL_MESSAGE, type EmailMessageInput } from '../../../lib/queues/emails/message';
import { emailsContract } from '../../../lib/queues/emails/process';
import { EMAILS_QUEUE } from '../../../lib/queues/emails/queue';
import { createProducer } from '../../../packages/producer/client';
import { fifoSettings } from '../../support/queue-pair';
import { FOREIGN, type JobSpec } from '../draw/plan';
import { MAIL_RATE, rateOf, sendgridOf } from '../vendors/sendgrid';
import { UNVERIFIED } from '../vendors/vendors';
import { depsOf } from '../world/code';
import type { SimulatedQueue } from '../world/types';
import { MARK } from '../world/watch';

const data = ({ kind }: JobSpec, index: number): EmailMessageInput & Record<string, unknown> => ({
  from: { email: kind === 'unverified' ? UNVERIFIED : 'support@example.com', name: `${MARK} sender` },
  replyTo: { email: `${MARK}-reply@example.com`, name: `${MARK} reply` },
  to: { email: `${MARK}-${index}@example.com`, name: `${MARK} ${index}` },
  subject: `${MARK} ${kind}`,
  text: `${MARK} text ${index}`,
  html: `<p>${MARK}</p>`,
  categories: [`${MARK} category`],
  unsubscribe: { link: `https://example.com/leave/${MARK}/{{name}}` },
});

/** The contract of the whole queue at a rate in recipients per second. */
export const emailsContractAt =
  (rate: number): SimulatedQueue['contract'] =>
  (world, process, ports) =>
    emailsContract({
      ...depsOf(world, ports, process),
      campaigns: campaigns(ports),
      senderDomains: [],
      rate: rateOf(world, process, { ports, rate }),
      sendgrid: sendgridOf(world, process),
    });

/** Single mails. Only SendGrid's events show whether a mail was sent, and some events never come. */
export const emails: SimulatedQueue = {
  name: EMAILS_QUEUE,
  settings: { ...fifoSettings, visibility: 600 },
  functionTimeoutMs: 100_000,
  batches: [1],
  kinds: ['good', 'kills-before', 'kills-after', 'unverified', ...FOREIGN],
  type: EMAIL_MESSAGE,
  contract: emailsContractAt(MAIL_RATE),
  data,
  group: ({ group }) => `group-${group}`,
  submit: (deps, { spec, index, ...options }) =>
    createProducer(deps).email(data(spec, index), { ...options, system: true }),
  provenBy: { send: 'mail' },
  // A person who was erased before gets no mail.
  wrong: ({ watch }, id) =>
    watch.effects.has(id) || watch.row(jobKey(EMAILS_QUEUE, id))?.steps.suppressed ? undefined : 'there is no mail',
};
