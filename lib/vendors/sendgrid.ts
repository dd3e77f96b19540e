import mail from '@sendgrid/mail';
import { PermanentError } from '../errors';
import type { Secret } from '../ports';
import { type CallOptions, withSecret } from './credentials';
import { type BulkSendgrid, bulkMailData } from './sendgrid-bulk';
import { Client } from './sendgrid-client';
import { sendgrid as dialect, translate } from './sendgrid-errors';
import { malformed } from './translate';

/** One mail to one person. */
export interface Mail {
  from: { email: string; name?: string };
  to: { email: string; name?: string };
  subject?: string;
  text?: string;
  html?: string;
  /** A dynamic template, `d-…`. Without it `subject` and a text are required. */
  templateId?: string;
  templateData?: Record<string, unknown>;
  /** SendGrid returns them with every event about the mail. No personal data, because it stores them in clear text. */
  customArgs: Record<string, string>;
  /** At most ten, no personal data. */
  categories: string[];
  /** Headers of the mail itself, e.g. `List-Unsubscribe`. */
  headers?: Record<string, string>;
  replyTo?: { email: string; name?: string };
  /** SendGrid checks such a mail and never delivers it. */
  sandbox?: boolean;
}

export interface Sendgrid {
  /**
   * `accepted` means that SendGrid took the mail, not that it delivered it. It is false in sandbox mode. SendGrid has no
   * idempotency: after an AmbiguousError only its events show whether it sent the mail. Rejects with a JobError that
   * names no value.
   */
  send(mail: Mail, options: CallOptions): Promise<{ messageId?: string; accepted: boolean }>;
}

export interface SendgridConfig {
  /** `https://api.sendgrid.com`, `https://api.eu.sendgrid.com`, or the URL of a fake. */
  endpoint: string;
  apiKey: Secret;
  /** The name of our instance. It travels with each mail, because SendGrid sends an account's events to all its webhooks. */
  instance: string;
  now?: () => number;
}

/** SendGrid through @sendgrid/mail. */
export function realSendgrid({ endpoint, apiKey, instance, now = Date.now }: SendgridConfig): Sendgrid & BulkSendgrid {
  const base = endpoint.replace(/\/+$/, '');
  /** `data` makes a new object for each try, because the library changes its input. */
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
    send: (content, options) => send(() => mailData(content, instance), options, content.sandbox),
    sendBulk: (content, options) => send(() => bulkMailData(content, instance), options),
  };
}

/**
 * A mail service for one call. The module exports one object for the whole process, and the next caller would change its
 * key, endpoint and time-out during our call.
 */
function service(client: Client): typeof mail {
  const Service = mail.constructor as unknown as new () => typeof mail;
  const own = new Service();
  own.setClient(client as unknown as Parameters<typeof mail.setClient>[0]);
  return own;
}

/**
 * A mail in the library's form. The object is new, because the library changes its input. Values of the recipient go
 * into the personalization: SendGrid types top-level `custom_args` as a string, and all recipients share top-level
 * headers.
 */
function mailData(content: Mail, instance: string): Parameters<typeof mail.send>[0] {
  const { from, to, subject, text, html, templateId, templateData, customArgs, categories, headers, replyTo, sandbox } =
    content;
  if (templateData && !templateId?.startsWith('d-'))
    throw new PermanentError({
      code: 'InvalidField',
      message: 'templateId: must begin with d- if there is template data, or SendGrid drops the data silently',
      field: 'templateId',
      vendor: 'sendgrid',
    });
  return {
    from,
    personalizations: [
      {
        to,
        customArgs: { ...customArgs, instance },
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
    // The library's type requires text, html or templateId. SendGrid refuses a mail without any of them.
  } as Parameters<typeof mail.send>[0];
}

/** 202 means accepted, and 200 is the answer to sandbox mode. Any other success is not from SendGrid. */
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
