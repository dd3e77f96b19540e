import mail from '@sendgrid/mail';
import * as z from 'zod';
import { type JobError, PermanentError } from '../platform/errors';
import {
  type CallOptions,
  type Dialect,
  fieldName,
  type HttpAnswer,
  UnexpectedAnswer,
  vendorCalls,
} from '../platform/http';
import type { Secret } from '../platform/ports';
import { plainText } from '../platform/text';
import { Client } from './sendgrid-client';

/** One request. Each recipient gets a separate mail and sees no other recipient. */
export interface Mail {
  from: { email: string; name?: string | undefined };
  replyTo?: { email: string; name?: string | undefined } | undefined;
  /** A dynamic template, `d-…`. Without it `subject` and a text are required. */
  templateId?: string | undefined;
  subject?: string | undefined;
  text?: string | undefined;
  html?: string | undefined;
  /** At most ten, no personal data. */
  categories: readonly string[];
  unsubscribe?: { group: number; groupsToDisplay?: readonly number[] | undefined } | undefined;
  /** What SendGrid may track. Without it nothing, whatever the account's settings say. */
  tracking?: { opens?: boolean | undefined; clicks?: boolean | undefined } | undefined;
  /** 1 to 1000. SendGrid refuses the whole request if one address comes twice. */
  recipients: readonly MailRecipient[];
}

export interface MailRecipient {
  email: string;
  name?: string | undefined;
  /** The data of a dynamic template. Without one, the words that replace `{{1}}` in subject, text and HTML. */
  data?: Record<string, unknown> | undefined;
  /** SendGrid returns them with every event about this mail. No personal data, because it stores them in clear text. */
  customArgs: Record<string, string>;
  /** Headers of the mail itself, e.g. `List-Unsubscribe`. */
  headers?: Record<string, string> | undefined;
}

/** SendGrid's id of an accepted request. The id of each of its mails begins with it. */
export type Sent = { messageId?: string };

interface SendgridConfig {
  /** `https://api.sendgrid.com`, `https://api.eu.sendgrid.com`, or the URL of a fake. */
  endpoint: string;
  apiKey: Secret;
  /** The name of our instance. Each mail carries it, because SendGrid sends an account's events to all its webhooks. */
  instance: string;
  now?: () => number;
}

export const sendgrid: Dialect = {
  vendor: 'sendgrid',
  prefix: 'Sendgrid',
  // Not 502 and 504: a gateway sends them, and it may have passed the request on. The same goes for 408.
  refused: new Set([500, 503]),
  doubtful: new Set([408]),
  aboutUs: new Set([402, 405]),
  field: (body) => fieldName(refusedFields(body)[0]),
  refined: (error, { status, body }) => {
    const recipients = status === 400 ? refusedAddresses(body) : [];
    return recipients.length > 0 ? new RecipientsRefusedError(error, recipients) : undefined;
  },
  // The library refused the mail. Its text may quote the mail.
  unsent: () =>
    new PermanentError({ code: 'SendgridInvalidMail', message: 'the mail is not valid', vendor: 'sendgrid' }),
};

/** SendGrid refused the whole request only because of these recipients. */
export class RecipientsRefusedError extends PermanentError {
  /** `recipients`: their places in the request, counted from 0, in order. */
  constructor(
    { code, message, field, status }: JobError,
    readonly recipients: readonly number[],
  ) {
    super({ code, message, vendor: 'sendgrid', field, status });
  }
}

const errorList = z.object({ errors: z.array(z.object({ field: z.unknown() })) });
const refusedFields = (body: unknown): unknown[] => errorList.safeParse(body).data?.errors.map((e) => e.field) ?? [];

/** Matches only the address of a recipient: `personalizations.3.to`, `personalizations.3.to.0.email`. */
const ADDRESS_OF = /^personalizations\.(\d{1,3})\.to(\.|$)/;

/** The recipients whose addresses an answer refuses. An empty list if it also refuses anything else. */
function refusedAddresses(body: unknown): number[] {
  const places = refusedFields(body).map((field) => typeof field === 'string' && ADDRESS_OF.exec(field)?.[1]);
  if (places.some((place) => !place)) return [];
  return [...new Set(places.map(Number))].sort((a, b) => a - b);
}

/** Makes a service for each call: all of the process share the library's own, with its key, endpoint and time-out. */
const MailService = mail.constructor as unknown as new () => typeof mail;

export type Sendgrid = ReturnType<typeof realSendgrid>;

export function realSendgrid({ endpoint, apiKey, instance, now = Date.now }: SendgridConfig) {
  const base = endpoint.replace(/\/+$/, '');
  const calling = vendorCalls({ dialect: sendgrid, secret: apiKey, now });
  return {
    /**
     * Resolves when SendGrid took all mails of the request, never a part. It has no idempotency: after an AmbiguousError
     * only its events show what happened. Rejects with a JobError that names no value.
     */
    send: (content: Mail, { timeoutMs }: CallOptions): Promise<Sent> =>
      calling('once', timeoutMs, async ({ secret, timeoutMs }) => {
        const service = new MailService();
        const client = new Client({ endpoint: base, apiKey: secret, timeoutMs });
        service.setClient(client as unknown as Parameters<typeof service.setClient>[0]);
        const [answer] = await service.send(mailData(content, instance));
        return sentOf(answer);
      }),

    /** Asks what our key may do. */
    probe: ({ timeoutMs }: CallOptions): Promise<unknown> =>
      calling('repeatable', timeoutMs, async ({ secret, timeoutMs }) =>
        new Client({ endpoint: base, apiKey: secret, timeoutMs }).request({ method: 'GET', url: '/v3/scopes' }),
      ),
  };
}

type MailData = Parameters<typeof mail.send>[0];

/**
 * A mail in the library's form, which ignores what is `undefined`. Values of a recipient go into the personalization:
 * SendGrid types top-level `custom_args` as a string, and all recipients share top-level headers.
 */
export function mailData({ recipients, unsubscribe, tracking = {}, ...content }: Mail, instance: string): MailData {
  const dynamic = content.templateId !== undefined;
  return {
    ...content,
    personalizations: recipients.map(({ email, name, data, customArgs, headers }) => ({
      to: { email, name: name && plainText(name) },
      customArgs: { ...customArgs, instance },
      headers,
      dynamicTemplateData: dynamic ? data : undefined,
      substitutions: dynamic ? undefined : data,
    })),
    trackingSettings: {
      openTracking: { enable: tracking.opens ?? false },
      clickTracking: { enable: tracking.clicks ?? false, enableText: false },
    },
    asm: unsubscribe && { groupId: unsubscribe.group, groupsToDisplay: unsubscribe.groupsToDisplay },
    // The library's type requires text, html or templateId. SendGrid refuses a mail without any of them.
  } as unknown as MailData;
}

/** 202 means accepted. Any other success is not from SendGrid. */
function sentOf({ statusCode: status, headers }: { statusCode: number; headers: HttpAnswer['headers'] }): Sent {
  if (status !== 202) throw new UnexpectedAnswer({ status, headers, body: undefined });
  const messageId = headers['x-message-id'];
  return typeof messageId === 'string' ? { messageId } : {};
}
