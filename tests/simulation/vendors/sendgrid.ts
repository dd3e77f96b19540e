import { type SharedRate, sharedRate } from '../../../lib/mail/rate';
import { sendgrid as dialect, type Mail, type Sendgrid } from '../../../lib/mail/sendgrid';
import { translate, UnexpectedAnswer } from '../../../lib/platform/http';
import type { Reply } from '../../../packages/local/fakes/server';
import type { Process } from '../world/calls';
import { depsOf } from '../world/code';
import { notOk } from '../world/course';
import { paceOf } from '../world/deployments';
import { INSTANCE } from '../world/names';
import type { Ports, World } from '../world/types';
import { isOk, NO_MAILBOX, notingDoubt, UNSENDABLE, VENDOR_SECRET } from './vendors';

/** Mails per second. The rate is low, so that some mails wait for their slot. */
export const MAIL_RATE = 2;

/** The sending rate that all queues share, as one process knows it. */
export const rateOf = (
  world: World,
  process: Process,
  { ports, rate = MAIL_RATE }: { ports: Ports; rate?: number },
): SharedRate => {
  const { circuits } = depsOf(world, ports, process);
  const override = () => circuits.rate('sendgrid');
  const limits = world.plan.sending;
  return sharedRate({ ...ports, rate: rate * paceOf(world, process), override, limits }, 'sendgrid');
};

/** SendGrid for one process. The events of accepted mails come later, or before our call is answered. */
export const sendgridOf = (world: World, process: Process): Sendgrid => ({
  send: async (mail, { timeoutMs }) => {
    const job = mail.recipients[0]?.customArgs.job ?? '';
    const effect = () => accept(world, job, mail);
    const send = () =>
      world.call({ process, target: 'sendgrid', method: 'send', timeoutMs, effect }).catch((error: unknown) => {
        throw translate(error, { dialect, effect: 'once', now: world.kernel.now() + process.skew });
      });
    const answer = await notingDoubt(world.inDoubt, job, send);
    const messageId = answer.headers['x-message-id'];
    return messageId ? { messageId } : {};
  },
  probe: ({ timeoutMs }) =>
    world
      .call({ process, target: 'sendgrid', method: 'probe', timeoutMs, effect: () => undefined })
      .catch((error: unknown) => {
        throw translate(error, { dialect, effect: 'repeatable', now: world.kernel.now() + process.skew });
      }),
});

function accept({ vendors: { sendgrid }, watch, onMails }: World, job: string, mail: Mail): Reply {
  const complaints = complaintsOf(mail);
  if (complaints.length > 0) throw refusalOf(complaints);
  const before = sendgrid.mails.length;
  const reply = sendgrid.send(requestOf(mail));
  if (reply.status === 403) throw refusalOf(['from'], 403);
  if (!isOk(reply)) throw notOk(reply);
  watch.effect('mail', job, true);
  for (const listener of onMails) listener(sendgrid.mails.slice(before));
  return reply;
}

function complaintsOf({ subject, recipients }: Mail): string[] {
  if (subject?.includes(UNSENDABLE)) return ['content'];
  return recipients.flatMap(({ email }, place) => (email.includes(NO_MAILBOX) ? `personalizations.${place}.to` : []));
}

const refusalOf = (fields: string[], status = 400): UnexpectedAnswer => {
  const errors = fields.map((field) => ({ field, message: VENDOR_SECRET }));
  return new UnexpectedAnswer({ status, headers: {}, body: { errors } });
};

const requestOf = ({ from, subject, text, templateId, categories, recipients }: Mail): string =>
  JSON.stringify({
    from,
    personalizations: recipients.map(({ email, name, customArgs, data }) => ({
      to: [{ email, name }],
      custom_args: { ...customArgs, instance: INSTANCE },
      dynamic_template_data: data,
    })),
    subject,
    template_id: templateId,
    categories,
    ...(text === undefined ? {} : { content: [{ type: 'text/plain', value: text }] }),
  });
