import { type Mail, sendgrid as mailDialect, type Sendgrid } from '../../lib/mail/sendgrid';
import { type HttpAnswer, NoAnswer, translate, UnexpectedAnswer } from '../../lib/platform/http';
import { zendesk as ticketDialect, type Zendesk } from '../../lib/queues/feedback/zendesk';
import {
  type AppStoreConnect,
  answered,
  appStoreConnect,
  appStoreConnectOver,
  effectOf,
} from '../../lib/queues/testflight/app-store-connect';
import { appStoreConnectModel } from '../../packages/local/fakes/app-store-connect';
import { type AcceptedMail, sendgridModel } from '../../packages/local/fakes/sendgrid';
import type { Reply } from '../../packages/local/fakes/server';
import { zendeskModel } from '../../packages/local/fakes/zendesk';
import type { Chance } from '../simulation/world/chance';
import type { Trouble } from './calendar';

/** Half of the calls take this long, and few take ten times as long: as these vendors' status pages show. */
const MEDIAN_MS = { zendesk: 450, sendgrid: 120, 'app-store-connect': 600 };
/** A vendor that asks for fewer calls says for how long. One that is down says nothing. */
const headersOf = (status: number): Reply['headers'] => (status === 429 ? { 'retry-after': '30' } : {});

export const APP = { id: '1', groups: ['00000000-0000-4000-8000-000000000011'], builds: [], invitesOnJoining: true };
/** Zendesk refuses a ticket with this word. */
export const REFUSED_WORD = 'unwanted';

interface Outside {
  instance: string;
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  chance: Chance;
  /** What troubles this vendor now. */
  trouble: (vendor: NonNullable<Trouble['vendor']>) => Trouble | undefined;
  onMails: (mails: readonly AcceptedMail[]) => void;
}

/** The vendors' models behind the real adapters' translation of answers, with latencies and the calendar's trouble. */
export function createVendors({ instance, now, sleep, chance, trouble, onMails }: Outside) {
  const models = {
    zendesk: zendeskModel(now, { words: [REFUSED_WORD] }),
    sendgrid: sendgridModel(now),
    apple: appStoreConnectModel({ apps: [APP], testers: [], refused: [] }),
  };
  const calls = { zendesk: 0, sendgrid: 0, 'app-store-connect': 0 };

  /** An answer, late and perhaps not the vendor's own. */
  async function answer(vendor: keyof typeof calls, timeoutMs: number, own: () => Reply): Promise<HttpAnswer> {
    calls[vendor]++;
    const { status, slowMs = 0 } = trouble(vendor) ?? {};
    const ms = slowMs + MEDIAN_MS[vendor] * Math.exp(0.6 * normal(chance));
    const { json, ...reply } =
      status === undefined || slowMs > 0 ? own() : { status, headers: headersOf(status), json: {} };
    await sleep(Math.min(ms, timeoutMs));
    if (ms >= timeoutMs) throw new NoAnswer('timeout', true, 'ETIMEDOUT');
    const given = { ...reply, body: json };
    if (given.status < 200 || given.status > 299) throw new UnexpectedAnswer(given);
    return given;
  }

  const ask = (timeoutMs: number, effect: 'once' | 'repeatable', own: () => Reply) =>
    answer('zendesk', timeoutMs, own).catch((error: unknown) => {
      throw translate(error, { dialect: ticketDialect, effect, now: now() });
    });

  const zendesk: Zendesk = {
    createTicket: async (ticket, { idempotencyKey, timeoutMs }) => {
      const { body } = await ask(timeoutMs, 'once', () =>
        models.zendesk.createTicket(JSON.stringify({ ticket }), idempotencyKey),
      );
      return { id: String((body as { ticket: { id: number } }).ticket.id) };
    },
    findTicket: async (externalId, { timeoutMs }) => {
      const { body } = await ask(timeoutMs, 'repeatable', () => models.zendesk.listTickets(externalId));
      const [found] = (body as { tickets: { id: number }[] }).tickets;
      return found && { id: String(found.id) };
    },
    probe: ({ timeoutMs }) => ask(timeoutMs, 'repeatable', () => ({ status: 200, headers: {}, json: {} })),
    upload: async ({ name }, { timeoutMs }) => {
      const { body } = await ask(timeoutMs, 'repeatable', () => models.zendesk.upload(name));
      return { token: (body as { upload: { token: string } }).upload.token };
    },
  };

  const sendgrid: Sendgrid = {
    send: async (mail, { timeoutMs }) => {
      const before = models.sendgrid.mails.length;
      const given = await answer('sendgrid', timeoutMs, () => models.sendgrid.send(requestOf(mail, instance))).catch(
        (error: unknown) => {
          throw translate(error, { dialect: mailDialect, effect: 'once', now: now() });
        },
      );
      onMails(models.sendgrid.mails.slice(before));
      const messageId = given.headers['x-message-id'];
      return typeof messageId === 'string' ? { messageId } : {};
    },
    probe: ({ timeoutMs }) =>
      answer('sendgrid', timeoutMs, () => ({ status: 200, headers: {}, json: {} })).catch((error: unknown) => {
        throw translate(error, { dialect: mailDialect, effect: 'repeatable', now: now() });
      }),
  };

  const apple: AppStoreConnect = appStoreConnectOver({
    call: async (made) => {
      const { method, path, body, timeoutMs } = made;
      const url = new URL(path, 'http://apple');
      const own = () =>
        models.apple.handle({
          method,
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          body: body === undefined ? '' : JSON.stringify(body),
        });
      return answer('app-store-connect', timeoutMs, own).then(
        (given) => answered(made, given),
        (error: unknown) => {
          if (error instanceof UnexpectedAnswer) return answered(made, error.answer());
          throw translate(error, { dialect: appStoreConnect, effect: effectOf(made), now: now() });
        },
      );
    },
    waitMs: () => 0,
  });
  return { zendesk, sendgrid, apple, models, calls };
}

/** A number of the normal distribution (Box and Muller). */
const normal = ({ fraction }: Chance): number =>
  Math.sqrt(-2 * Math.log(1 - fraction())) * Math.cos(2 * Math.PI * fraction());

const requestOf = ({ from, subject, text, categories, recipients }: Mail, instance: string): string =>
  JSON.stringify({
    ...{ from, subject, categories },
    personalizations: recipients.map(({ email, name, customArgs, data }) => ({
      to: [{ email, name }],
      custom_args: { ...customArgs, instance },
      dynamic_template_data: data,
    })),
    content: [{ type: 'text/plain', value: text ?? 'text' }],
  });
