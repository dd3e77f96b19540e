import { type AppStoreConnectModel, appStoreConnectModel } from '../../lib/local/fakes/app-store-connect-model';
import type { Reply } from '../../lib/local/fakes/exchange';
import { type AcceptedMail, type SendgridModel, sendgridModel } from '../../lib/local/fakes/sendgrid-model';
import { type ZendeskModel, zendeskModel } from '../../lib/local/fakes/zendesk-model';
import type { Mail, Sendgrid } from '../../lib/vendors/sendgrid';
import type { BulkMail, BulkSendgrid } from '../../lib/vendors/sendgrid-bulk';
import { translate as translateSendgrid } from '../../lib/vendors/sendgrid-errors';
import { ticketBody, type Zendesk } from '../../lib/vendors/zendesk';
import { translate as translateZendesk } from '../../lib/vendors/zendesk-errors';
import { APPLE_SEED } from './apple-seed';
import type { Process } from './calls';
import { notOk } from './course';
import { tellOf } from './signs';
import { MARK } from './watch';
import type { World } from './world';

/** Whoever has this address is refused by Zendesk, for good. */
export const SUSPENDED = `${MARK}-suspended@example.com`;
/** A ticket with this in its subject is answered 403. */
export const FORBIDDEN_SUBJECT = 'forbidden';
/** What the vendors repeat in their errors: no name of a field, so that nobody takes it for one. */
export const VENDOR_SECRET = `Bearer SG.${MARK} of ${MARK}@example.com`;

export interface Vendors {
  zendesk: ZendeskModel;
  sendgrid: SendgridModel;
  apple: AppStoreConnectModel;
}

export const createVendors = (now: () => number): Vendors => ({
  zendesk: zendeskModel({ now, suspended: [SUSPENDED] }),
  sendgrid: sendgridModel({ now }),
  apple: appStoreConnectModel(APPLE_SEED),
});

const isOk = ({ status }: Reply): boolean => status >= 200 && status <= 299;

/** Zendesk as one process reaches it: the model's answers through the real translation. */
export function zendeskOf(world: World, process: Process): Zendesk {
  const { call, watch, vendors } = world;
  const now = () => world.kernel.now() + process.skew;
  const ask = <T>(
    method: string,
    { timeoutMs, effect, reply }: { timeoutMs: number; effect: 'once' | 'repeatable'; reply: () => Reply },
  ): Promise<T> =>
    call({
      process,
      target: 'zendesk',
      method,
      timeoutMs,
      effect: () => {
        const answer = reply();
        if (!isOk(answer)) throw notOk(answer, VENDOR_SECRET);
        return answer.json as T;
      },
    }).catch((error: unknown) => Promise.reject(translateZendesk(error, effect, now())));

  return {
    createTicket: async (ticket, { idempotencyKey, timeoutMs }) => {
      const body = ticketBody(ticket);
      const { ticket: made } = await ask<{ ticket: { id: number } }>('createTicket', {
        timeoutMs,
        effect: 'once',
        reply: () => {
          if (ticket.subject.includes(FORBIDDEN_SUBJECT)) return { status: 403, headers: {} };
          const before = vendors.zendesk.tickets.length;
          const answer = vendors.zendesk.createTicket(body, idempotencyKey);
          if (vendors.zendesk.tickets.length > before) watch.effect('ticket', ticket.externalId, true);
          return answer;
        },
      });
      return { id: String(made.id) };
    },
    findTicket: async (externalId, { timeoutMs }) => {
      const { tickets } = await ask<{ tickets: { id: number }[] }>('findTicket', {
        timeoutMs,
        effect: 'repeatable',
        reply: () => vendors.zendesk.listTickets(externalId),
      });
      return tickets[0] && { id: String(tickets[0].id) };
    },
    upload: async ({ name, contentType, bytes }, { timeoutMs }) => {
      const { upload } = await ask<{ upload: { token: string } }>('upload', {
        timeoutMs,
        effect: 'repeatable',
        reply: () => vendors.zendesk.upload({ name, contentType, size: bytes.byteLength }),
      });
      return { token: upload.token };
    },
  };
}

/** SendGrid as one process reaches it. */
export const sendgridOf = (world: World, process: Process): Sendgrid => ({
  send: (mail, { timeoutMs }) =>
    accept(world, { process, timeoutMs, request: requestOf(mail), job: mail.customArgs.job }),
});

/** The same for requests to many, whose events come some time. */
export const bulkSendgridOf = (world: World, process: Process): BulkSendgrid => ({
  sendBulk: (mail, { timeoutMs }) =>
    accept(world, {
      process,
      timeoutMs,
      request: bulkRequestOf(mail),
      job: mail.recipients[0]?.customArgs.job,
      accepted: (mails) => tellOf(world, mails),
    }),
});

async function accept(
  world: World,
  {
    process,
    timeoutMs,
    request,
    job = '',
    accepted = () => {},
  }: {
    process: Process;
    timeoutMs: number;
    request: string;
    job: string | undefined;
    accepted?: (mails: readonly AcceptedMail[]) => void;
  },
): Promise<{ messageId?: string; accepted: boolean }> {
  const { call, watch, vendors } = world;
  const answer = await call({
    process,
    target: 'sendgrid',
    method: 'send',
    timeoutMs,
    effect: () => {
      const before = vendors.sendgrid.mails.length;
      const reply = vendors.sendgrid.send(request);
      if (!isOk(reply)) throw notOk(reply, VENDOR_SECRET);
      watch.effect('mail', job, true);
      accepted(vendors.sendgrid.mails.slice(before));
      return reply;
    },
  }).catch((error: unknown) => {
    const translated = translateSendgrid(error, world.kernel.now() + process.skew);
    throw world.mutant?.sendgrid?.(translated) ?? translated;
  });
  const messageId = answer.headers['x-message-id'];
  return { accepted: answer.status === 202, ...(messageId ? { messageId } : {}) };
}

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

/** The request that the library makes of a mail, as far as the model looks at it. */
const requestOf = ({ from, to, subject, text, templateId, templateData, customArgs, categories }: Mail): string =>
  JSON.stringify({
    from,
    personalizations: [{ to: [to], custom_args: customArgs, dynamic_template_data: templateData }],
    subject,
    template_id: templateId,
    categories,
    ...(text === undefined ? {} : { content: [{ type: 'text/plain', value: text }] }),
  });
