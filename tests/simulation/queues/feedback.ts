import { FEEDBACK_SUBMITTED, type FeedbackInput, feedbackPerson, feedbackSchema } from '../../../lib/feedback/message';
import { feedbackContract } from '../../../lib/feedback/process';
import { attachmentsPrefix } from '../../../lib/jobs/keys';
import { createProducer } from '../../../packages/producer/client';
import { hashed } from '../../support/hash-people';
import { fifoSettings } from '../../support/queue-pair';
import { FOREIGN, type JobSpec, mailWaitOf } from '../draw/plan';
import { rateOf, sendgridOf } from '../vendors/sendgrid';
import { FORBIDDEN_SUBJECT, SUSPENDED } from '../vendors/vendors';
import { zendeskOf } from '../vendors/zendesk';
import type { SimulatedQueue } from '../world/types';
import { MARK } from '../world/watch';

const FILE = `${attachmentsPrefix('jobs', 'feedback')}file.txt`;

function data({ kind, group }: JobSpec, index: number): FeedbackInput & Record<string, unknown> {
  const email = kind === 'refused' ? SUSPENDED : `${MARK}-${group}@example.com`;
  const subject = kind === 'forbidden' ? FORBIDDEN_SUBJECT : kind;
  return {
    user: { id: `${MARK}-user-${group}`, email, name: `${MARK} User` },
    subject: `${MARK} ${subject} ${index}`,
    message: `${MARK} says that it does not work.`,
    category: `${MARK} category`,
    tags: [`${MARK}-tag`],
    customFields: [{ id: 1, value: `${MARK} value` }],
    context: { app: `${MARK} app` },
    ...(kind === 'opted-out' ? { confirmation: false } : {}),
    ...(kind === 'attachment' ? { attachments: [{ key: FILE, name: `${MARK}.txt`, contentType: 'text/plain' }] } : {}),
  };
}

export const feedback: SimulatedQueue = {
  name: 'feedback',
  settings: { ...fifoSettings, visibility: 300 },
  functionTimeoutMs: 45_000,
  batches: [1],
  kinds: ['good', 'kills-before', 'kills-after', 'refused', 'forbidden', 'attachment', 'opted-out', ...FOREIGN],
  type: FEEDBACK_SUBMITTED,
  contract: (world, process, ports) =>
    feedbackContract({
      objects: ports.objects,
      // Each user has an id, so no address has a limit.
      mayConfirm: async () => true,
      zendesk: zendeskOf(world, process),
      sendgrid: sendgridOf(world, process),
      rate: rateOf(world, process, { ports }),
      clock: ports.clock,
      config: {
        ...{ prefix: 'jobs', tags: ['app'], from: { email: 'support@example.com' }, brand: 'Example' },
        confirmationWaitMs: mailWaitOf(world.plan),
      },
    }),
  data,
  group: (spec) => hashed(feedbackPerson(feedbackSchema.parse(data(spec, 0))))[0],
  prepare: ({ stores }) => stores.objects.put(FILE, `a file of ${MARK}`, 'text/plain'),
  submit: (deps, { spec, index, ...options }) =>
    createProducer(deps).feedback(data(spec, index), { ...options, system: true }),
  wrong: ({ vendors }, id, { kind }) => {
    const ticket = vendors.zendesk.tickets.find(({ external_id }) => external_id === id);
    if (!ticket) return 'there is no ticket';
    if (kind === 'attachment' && ticket.attachments.length !== 1) return 'the ticket has no attachment';
    const mailed = vendors.sendgrid.mails.some(({ customArgs }) => customArgs.job === id);
    if (kind === 'opted-out' && mailed) return 'a user who opted out got a mail';
    return undefined;
  },
};
