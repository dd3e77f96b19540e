import mail from '@sendgrid/mail';
import { PermanentError } from '../errors';
import { withSecret } from './credentials';
import type { Secret } from './secret';
import { type BulkSendgrid, bulkMailData } from './sendgrid-bulk';
import { Client } from './sendgrid-client';
import { sendgrid as dialect, translate } from './sendgrid-errors';
import { malformed } from './translate';
import type { CallOptions } from './zendesk';

/** One mail to one person. */
export interface Mail {
  from: { email: string; name?: string };
  to: { email: string; name?: string };
  subject?: string;
  text?: string;
  html?: string;
  /** A dynamic template, `d-…`; without it `subject` and a text are needed. */
  templateId?: string;
  templateData?: Record<string, unknown>;
  /** Come back with every event about the mail. No personal data: SendGrid keeps them in the clear. */
  customArgs: Record<string, string>;
  /** At most ten, no personal data. */
  categories: string[];
  /** Of the mail itself, e.g. `List-Unsubscribe`. */
  headers?: Record<string, string>;
  replyTo?: { email: string; name?: string };
  /** Checked by SendGrid, never delivered. */
  sandbox?: boolean;
}

export interface Sendgrid {
  /**
   * `accepted` means taken over by SendGrid, not delivered; false in sandbox mode. SendGrid has no idempotency: after an
   * AmbiguousError only its events can tell whether the mail is out. Rejects with a JobError that names no value.
   */
  send(mail: Mail, options: CallOptions): Promise<{ messageId?: string; accepted: boolean }>;
}

export interface SendgridConfig {
  /** `https://api.sendgrid.com`, `https://api.eu.sendgrid.com`, or a fake's. */
  endpoint: string;
  apiKey: Secret;
  now?: () => number;
}

/** SendGrid by way of @sendgrid/mail. */
export function realSendgrid({ endpoint, apiKey, now = Date.now }: SendgridConfig): Sendgrid & BulkSendgrid {
  const base = endpoint.replace(/\/+$/, '');
  /** `data` is made anew for each call: the library writes into it. */
  const send = (data: () => Parameters<typeof mail.send>[0], { timeoutMs }: CallOptions, sandbox = false) =>
    withSecret(apiKey, {
      timeoutMs,
      call: async ({ secret, timeoutMs }) => {
        const client = new Client({ endpoint: base, apiKey: secret, timeoutMs });
        try {
          const [answer] = await service(client).send(data());
          return outcome(answer, sandbox);
        } catch (error) {
          throw translate(error, now());
        }
      },
    });
  return {
    send: (content, options) => send(() => mailData(content), options, content.sandbox),
    sendBulk: (content, options) => send(() => bulkMailData(content), options),
  };
}

/**
 * A mail service of this call's own. What the module exports is one object for the whole process, whose key, endpoint
 * and time-out the next caller would change under us.
 */
function service(client: Client): typeof mail {
  const Service = mail.constructor as unknown as new () => typeof mail;
  const own = new Service();
  own.setClient(client as unknown as Parameters<typeof mail.setClient>[0]);
  return own;
}

/**
 * The library's form of a mail, always a new object, since the library writes into what it is given. Everything that
 * is the recipient's goes into the personalization: SendGrid types top-level `custom_args` as a string, and top-level
 * headers would be shared when a request has several recipients.
 */
function mailData(content: Mail): Parameters<typeof mail.send>[0] {
  const { from, to, subject, text, html, templateId, templateData, customArgs, categories, headers, replyTo, sandbox } =
    content;
  if (templateData && !templateId?.startsWith('d-'))
    throw new PermanentError({
      code: 'InvalidField',
      message: 'templateId: must begin with d- where there is template data, else the data would be dropped silently',
      field: 'templateId',
      vendor: 'sendgrid',
    });
  return {
    from,
    personalizations: [
      {
        to,
        customArgs,
        ...(headers ? { headers } : {}),
        ...(templateData ? { dynamicTemplateData: templateData } : {}),
      },
    ],
    categories,
    ...(subject === undefined ? {} : { subject }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    ...(templateId === undefined ? {} : { templateId }),
    ...(sandbox ? { mailSettings: { sandboxMode: { enable: true } } } : {}),
    // One of text, html and templateId is there, or SendGrid says no: the library's type cannot follow that.
  } as Parameters<typeof mail.send>[0];
}

/** 202 says accepted; 200 is what sandbox mode answers, and from anybody else not SendGrid's word. */
function outcome({ statusCode, headers }: Answer, sandbox: boolean): { messageId?: string; accepted: boolean } {
  if (statusCode !== 202 && !(statusCode === 200 && sandbox))
    throw malformed({ dialect, effect: 'once', status: statusCode });
  const messageId = headers['x-message-id'];
  return { accepted: statusCode === 202, ...(typeof messageId === 'string' ? { messageId } : {}) };
}

interface Answer {
  statusCode: number;
  headers: Record<string, unknown>;
}
