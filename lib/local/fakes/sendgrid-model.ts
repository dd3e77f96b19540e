import { type Reply, reply } from './reply';
import { acceptMail, type MailInput, refused } from './sendgrid-rules';

/** An accepted e-mail to the recipients of one personalization. */
export interface AcceptedMail {
  messageId: string;
  to: string[];
  from: string;
  subject: string | undefined;
  text: string | undefined;
  html: string | undefined;
  templateId: string | undefined;
  templateData: Record<string, unknown>;
  /** Replacements in subject and text. They do not apply to dynamic templates. */
  substitutions: Record<string, string>;
  unsubscribeGroup: number | undefined;
  customArgs: Record<string, string>;
  categories: string[];
  headers: Record<string, string>;
  at: number;
}

export interface SendgridModel {
  mails: AcceptedMail[];
  /** Handles `POST /v3/mail/send`. `body` is the raw body. */
  send(body: string): Reply;
}

/**
 * A model of SendGrid's mail send with its published limits, without HTTP and on the caller's clock. `accepted` is
 * called with the e-mails of each request. `unverified` lists senders that SendGrid refuses.
 */
export function sendgridModel({
  now,
  unverified = [],
  accepted: report,
}: {
  now: () => number;
  unverified?: readonly string[] | undefined;
  accepted?: ((mails: AcceptedMail[]) => void) | undefined;
}): SendgridModel {
  const mails: AcceptedMail[] = [];
  let accepted = 0;
  return {
    mails,
    send: (body) => {
      const parsed = acceptMail(body, now());
      if ('status' in parsed) return parsed;
      if (unverified.includes(parsed.from.email))
        return refused(403, 'The from address does not match a verified Sender Identity.', 'from');
      accepted += 1;
      const messageId = `message-${accepted}`;
      const taken = parsed.personalizations.map((personalization) =>
        toMail({ mail: parsed, personalization, messageId, at: now() }),
      );
      mails.push(...taken);
      report?.(taken);
      return reply(202, undefined, { 'x-message-id': messageId });
    },
  };
}

function toMail({
  mail,
  personalization,
  messageId,
  at,
}: {
  mail: MailInput;
  personalization: MailInput['personalizations'][number];
  messageId: string;
  at: number;
}): AcceptedMail {
  const content = (type: string) => mail.content?.find((part) => part.type === type)?.value;
  return {
    messageId,
    to: personalization.to.map(({ email }) => email),
    from: mail.from.email,
    subject: personalization.subject ?? mail.subject,
    text: content('text/plain'),
    html: content('text/html'),
    templateId: mail.template_id,
    templateData: personalization.dynamic_template_data ?? {},
    substitutions: personalization.substitutions ?? {},
    unsubscribeGroup: mail.asm?.group_id,
    customArgs: { ...mail.custom_args, ...personalization.custom_args },
    categories: mail.categories ?? [],
    headers: { ...mail.headers, ...personalization.headers },
    at,
  };
}
