import { type SharedRate, sharedRate } from '../../../lib/limits/rate';
import type { AcceptedMail } from '../../../lib/local/fakes/sendgrid-model';
import { NotOk } from '../../../lib/vendors/http';
import type { Mail, Sendgrid } from '../../../lib/vendors/sendgrid';
import type { BulkMail, BulkSendgrid } from '../../../lib/vendors/sendgrid-bulk';
import { sendgrid as dialect, translate as translateSendgrid } from '../../../lib/vendors/sendgrid-errors';
import { malformed } from '../../../lib/vendors/translate';
import type { Process } from '../world/calls';
import { Malformed, notOk } from '../world/course';
import { paceOf } from '../world/deployments';
import { INSTANCE } from '../world/names';
import type { Ports, World } from '../world/types';
import { isOk, NO_MAILBOX, notingDoubt, UNSENDABLE, VENDOR_SECRET } from './vendors';

/** Mails per second. The rate is low, so that some mails wait for their turn. */
export const MAIL_RATE = 2;

/** The sending rate that all queues share, as one process knows it. */
export const rateOf = (
  world: World,
  process: Process,
  { ports, rate = MAIL_RATE }: { ports: Ports; rate?: number },
): SharedRate => sharedRate({ ...ports, rate: rate * paceOf(world, process) }, 'sendgrid');

/** SendGrid for one process. */
export const sendgridOf = (world: World, process: Process): Sendgrid => ({
  send: (mail, { timeoutMs }) =>
    accept(world, { process, timeoutMs, request: requestOf(mail), job: mail.customArgs.job, accepted: told(world) }),
});

/** The events of accepted mails come later, or before our call is answered. */
const told = (world: World) => (mails: readonly AcceptedMail[]) => {
  for (const listener of world.onMails) listener(mails);
};

/** SendGrid for bulk requests. */
export const bulkSendgridOf = (world: World, process: Process): BulkSendgrid => ({
  sendBulk: (made, { timeoutMs }) => {
    const mail = world.mutant?.mail?.(made) ?? made;
    return accept(world, {
      process,
      timeoutMs,
      request: bulkRequestOf(withInstance(mail)),
      complaints: complaintsOf(mail),
      job: mail.recipients[0]?.customArgs.job,
      accepted: told(world),
    });
  },
});

async function accept(
  world: World,
  {
    process,
    timeoutMs,
    request,
    complaints = [],
    job = '',
    accepted = () => {},
  }: {
    process: Process;
    timeoutMs: number;
    request: string;
    /** SendGrid refuses the request for these fields, in any case. */
    complaints?: string[];
    job: string | undefined;
    accepted?: (mails: readonly AcceptedMail[]) => void;
  },
): Promise<{ messageId?: string; accepted: boolean }> {
  const { call, watch, vendors } = world;
  const send = () =>
    call({
      process,
      target: 'sendgrid',
      method: 'send',
      timeoutMs,
      effect: () => {
        if (complaints.length > 0) throw refusalOf(complaints);
        const before = vendors.sendgrid.mails.length;
        const reply = vendors.sendgrid.send(request);
        if (reply.status === 403) throw refusalOf(['from'], 403);
        if (!isOk(reply)) throw notOk(reply, VENDOR_SECRET);
        watch.effect('mail', job, true);
        accepted(vendors.sendgrid.mails.slice(before));
        return reply;
      },
    }).catch((error: unknown) => {
      const translated =
        error instanceof Malformed
          ? malformed({ dialect, effect: 'once', status: 200 })
          : translateSendgrid(error, world.kernel.now() + process.skew);
      throw world.mutant?.sendgrid?.(translated) ?? translated;
    });
  const answer = await notingDoubt(world.inDoubt, job, send);
  const messageId = answer.headers['x-message-id'];
  return { accepted: answer.status === 202, ...(messageId ? { messageId } : {}) };
}

function complaintsOf({ subject, recipients }: BulkMail): string[] {
  if (subject?.includes(UNSENDABLE)) return ['content'];
  return recipients.flatMap(({ email }, place) => (email.includes(NO_MAILBOX) ? `personalizations.${place}.to` : []));
}

const refusalOf = (fields: string[], status = 400): NotOk =>
  new NotOk({ status, headers: {}, body: { errors: fields.map((field) => ({ field, message: VENDOR_SECRET })) } });

/** As the adapter does. */
const withInstance = (mail: BulkMail): BulkMail => ({
  ...mail,
  recipients: mail.recipients.map((recipient) => ({
    ...recipient,
    customArgs: { ...recipient.customArgs, instance: INSTANCE },
  })),
});

const bulkRequestOf = ({ from, subject, text, templateId, categories, recipients }: BulkMail): string =>
  JSON.stringify({
    from,
    personalizations: recipients.map(({ email, name, customArgs, data }) => ({
      to: [{ email, name }],
      custom_args: customArgs,
      dynamic_template_data: data,
    })),
    subject,
    template_id: templateId,
    categories,
    ...(text === undefined ? {} : { content: [{ type: 'text/plain', value: text }] }),
  });

/** The request of a mail, with the fields that the model reads. */
const requestOf = ({ from, to, subject, text, templateId, templateData, customArgs, categories }: Mail): string =>
  JSON.stringify({
    from,
    personalizations: [
      { to: [to], custom_args: { ...customArgs, instance: INSTANCE }, dynamic_template_data: templateData },
    ],
    subject,
    template_id: templateId,
    categories,
    ...(text === undefined ? {} : { content: [{ type: 'text/plain', value: text }] }),
  });
