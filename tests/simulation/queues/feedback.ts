import { attachmentsPrefix, jobKey } from '../../../lib/engine/jobs/keys';
import type { JobRow } from '../../../lib/engine/jobs/row';
import {
  FEEDBACK_SUBMITTED,
  type FeedbackInput,
  feedbackPerson,
  feedbackSchema,
} from '../../../lib/queues/feedback/message';
import { feedbackContract, mailLimit } from '../../../lib/queues/feedback/process';
import { createProducer } from '../../../packages/producer/client';
import { hashed, hashPeople } from '../../support/hash-people';
import { fifoSettings } from '../../support/queue-pair';
import { FOREIGN, type JobSpec, mailWaitOf } from '../draw/plan';
import { rateOf, sendgridOf } from '../vendors/sendgrid';
import { FORBIDDEN_SUBJECT, REFUSED_FILE, REFUSED_WORD, REMOVED_FIELD, SUSPENDED } from '../vendors/vendors';
import { zendeskOf } from '../vendors/zendesk';
import type { SimulatedQueue } from '../world/types';
import { MARK } from '../world/watch';

const FILE = `${attachmentsPrefix('jobs', 'feedback')}file.txt`;

function data({ kind, group }: JobSpec, index: number): FeedbackInput & Record<string, unknown> {
  const email = kind === 'reduced' ? SUSPENDED : `${MARK}-${group}@example.com`;
  const subject = { forbidden: FORBIDDEN_SUBJECT, refused: REFUSED_WORD }[kind as string] ?? kind;
  return {
    user: { id: `${MARK}-user-${group}`, email, name: `${MARK} User` },
    subject: `${MARK} ${subject} ${index}`,
    message: `${MARK} says that it does not work.`,
    category: `${MARK} category`,
    tags: [`${MARK}-tag`],
    customFields: [{ id: kind.startsWith('reduced') ? REMOVED_FIELD : 1, value: `${MARK} value` }],
    context: { app: `${MARK} app` },
    ...(kind === 'opted-out' ? { confirmation: false } : {}),
    ...(kind === 'reduced' ? { attachments: [{ key: FILE, name: REFUSED_FILE }] } : {}),
    ...(kind === 'attachment' ? { attachments: [{ key: FILE, name: `${MARK}.txt`, contentType: 'text/plain' }] } : {}),
  };
}

export const feedback: SimulatedQueue = {
  name: 'feedback',
  settings: { ...fifoSettings, visibility: 300 },
  functionTimeoutMs: 45_000,
  batches: [1],
  kinds: [
    'good',
    'kills-before',
    'kills-after',
    'refused',
    'forbidden',
    'reduced',
    'reduced-once',
    'attachment',
    'opted-out',
    ...FOREIGN,
  ],
  type: FEEDBACK_SUBMITTED,
  contract: (world, process, ports) =>
    feedbackContract({
      objects: ports.objects,
      hashPeople,
      // A run has fewer jobs than an hour of a known user.
      mayConfirm: mailLimit({ ...ports, hashPeople }),
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
    createProducer({ ...deps, ownFiles: true }).feedback(data(spec, index), { ...options, system: true }),
  wrong: ({ vendors, watch, plan }, id, { kind }) => {
    const ticket = vendors.zendesk.tickets.find(({ external_id }) => external_id === id);
    if (!ticket) return 'there is no ticket';
    const { without = [] } = watch.items.get(jobKey('feedback', id)) as object as JobRow;
    const lacks = without.map(({ what }) => what).filter((what) => what !== 'confirmation');
    const due = { 'reduced-once': ['customFields'], reduced: ['customFields', 'requester', 'tags', 'file-1'] };
    // Such a fault refuses one call, and what it was about is left out.
    const isRefused = JSON.stringify([plan.calls, plan.outages]).includes('disallowed');
    if (!isRefused && lacks.join() !== (due[kind as keyof typeof due] ?? []).join())
      return `it is without ${lacks.join()}`;
    const hasFiles = kind === 'attachment' && !lacks.some((what) => what.startsWith('file'));
    if (hasFiles && ticket.attachments.length !== 1) return 'the ticket has no attachment';
    const mailed = vendors.sendgrid.mails.some(({ customArgs }) => customArgs.job === id);
    if (kind === 'opted-out' && mailed) return 'a user who opted out got a mail';
    return undefined;
  },
};
