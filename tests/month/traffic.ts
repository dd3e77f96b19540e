import { attachmentsPrefix } from '../../lib/engine/jobs/keys';
import type { AnalyticsEvent } from '../../lib/queues/analytics/message';
import { type AcceptedMail, eventsOf } from '../../packages/local/fakes/sendgrid';
import { createProducer } from '../../packages/producer/client';
import { createTracker, type Tracker } from '../../packages/producer/tracker';
import { hashPeople } from '../support/hash-people';
import { DAY_MS, DISCARDS, HOUR_MS, MINUTE_MS, nextArrival, SHARES, startOf, TRAFFIC, type Trouble } from './calendar';
import { BEGIN, type Service } from './service';
import { APP, REFUSED_WORD } from './vendors';

const MONTH_DAYS = 30;
const SECOND_MS = 1_000;

/** What a play sends, counted where it is accepted or refused, so that the page can compare it with what is stored. */
export interface Sent {
  accepted: Record<string, number>;
  refused: Record<string, number>;
  events: number;
  /** Events that were tracked a second time, under the same id. */
  repeated: number;
  recipients: number;
}

const producerOf = (service: Service, n: number) => {
  const { instance, clock, chance, settings, queueNames, urlOf } = service;
  const deps = service.outside('api');
  return createProducer({
    ...{ ...deps, clock, random: chance, settings, queueNames, hashPeople },
    ...{ source: `/${instance.name}/api/${n}`, prefix: instance.prefix, ownFiles: true },
    ...{ emailRate: Number(instance.sendgrid.rate ?? 100), firstWave: instance.sendgrid.guard?.first },
    queueUrl: (queue) => urlOf(queue),
    readObject: async function* (key: string) {
      yield (await deps.objects.get(key)) ?? new Uint8Array();
    },
  });
};

/** Two API processes, behind a load balancer, and the phones and people that use them. */
export function startTraffic(
  service: Service,
  {
    days,
    fromHour,
    share,
    trouble,
  }: {
    days: number;
    fromHour: number;
    share: Partial<Record<keyof typeof TRAFFIC, number>>;
    trouble: readonly Trouble[];
  },
): { sent: Sent; close: () => Promise<void> } {
  const { kernel, chance, clock, settings, urlOf, instance } = service;
  const end = days * DAY_MS;
  const sent: Sent = { accepted: {}, refused: {}, events: 0, repeated: 0, recipients: 0 };
  const perDay = (what: 'feedbacks' | 'mails' | 'events' | 'testers') =>
    ((share[what] ?? 1) * TRAFFIC[what]) / MONTH_DAYS;
  const producers = [producerOf(service, 1), producerOf(service, 2)] as const;
  const trackers: readonly [Tracker, Tracker] = [1, 2].map((n) =>
    createTracker({
      ...{ ...service.portsOf('tracker'), clock, random: chance, settings },
      ...{ source: `/${instance.name}/api/${n}`, queueUrl: urlOf },
    }),
  ) as [Tracker, Tracker];
  const percent = (part: number) => 100 * chance.fraction() < part;
  let number = 0;

  const count = (what: string, call: Promise<unknown>): void =>
    void call.then(
      () => {
        sent.accepted[what] = (sent.accepted[what] ?? 0) + 1;
      },
      () => {
        sent.refused[what] = (sent.refused[what] ?? 0) + 1;
      },
    );

  /** Calls `act` at the times of a Poisson process that follows the curve. */
  function often(rate: number, act: () => void, from = 0): void {
    const at = nextArrival(chance, from + fromHour * HOUR_MS, rate) - fromHour * HOUR_MS;
    if (at >= end || rate === 0) return;
    kernel.at(BEGIN + at, () => {
      act();
      often(rate, act, at);
    });
  }

  async function feedback(word = 'question'): Promise<void> {
    const n = ++number;
    const user = `user-${chance.between(1, 5_000)}`;
    const files: { key: string; name: string; contentType: string }[] = [];
    if (percent(TRAFFIC.withFiles)) {
      const key = `${attachmentsPrefix(instance.prefix, 'feedback')}${n}.png`;
      await service.stores.objects.put(key, 'a picture', 'image/png');
      files.push({ key, name: 'picture.png', contentType: 'image/png' });
    }
    const data = {
      user: { id: user, email: `${user}@example.com`, name: 'A user' },
      ...{ subject: `A ${word}`, message: `It does not work, number ${n}.`, category: 'app' },
      ...(files.length > 0 ? { attachments: files } : {}),
    };
    count('feedback', chance.pick(producers).feedback(data, { key: `feedback-${n}`, system: true }));
  }

  function mail(): void {
    const n = ++number;
    const data = { to: { email: `reader-${n}@example.com` }, subject: 'A receipt', text: `Thank you, number ${n}.` };
    count(
      'emails',
      chance
        .pick(producers)
        .email({ ...data, from: { email: 'shop@example.com' } }, { key: `mail-${n}`, system: true }),
    );
  }

  function invite(): void {
    const n = ++number;
    const data = {
      app: APP.id,
      email: `tester-${n}@example.com`,
      firstName: 'A',
      lastName: 'Tester',
      groups: APP.groups,
    };
    count('testflight', chance.pick(producers).invite(data, { key: `tester-${n}`, system: true }));
  }

  function campaign(name: string, recipients: number): void {
    const bounces = name === 'bad' ? 12.5 : SHARES.bounced;
    const fate = () => {
      const drawn = 100 * chance.fraction();
      if (drawn < bounces) return 'bounces';
      if (drawn < bounces + SHARES.reported) return 'reports';
      return drawn < bounces + SHARES.reported + SHARES.unsubscribed ? 'leaves' : 'reads';
    };
    const list = Array.from({ length: recipients }, (_, n) => ({ email: `${fate()}-${name}-${n}@example.com` }));
    const content = { name, from: { email: 'news@example.com' }, subject: 'News', text: 'The news of this week.' };
    sent.recipients += recipients;
    count(
      'campaigns',
      producers[0].campaign({ ...content, transactional: true }, list, { key: `campaign-${name}`, system: true }),
    );
  }

  const track = (event: AnalyticsEvent): void =>
    void chance
      .pick(trackers)
      .track(event)
      .catch(() => {
        sent.refused.events = (sent.refused.events ?? 0) + 1;
      });

  /** A phone's session. */
  function session(): void {
    const n = ++number;
    const who = { user: `user-${chance.between(1, 20_000)}`, session: `session-${n}`, app: '3.1', platform: 'ios' };
    const skew = percent(SHARES.wrongClocks) ? chance.between(-3 * DAY_MS, 20 * HOUR_MS) : 0;
    const isTwice = percent(SHARES.repeats);
    const events = Math.max(1, Math.round(-Math.log(1 - chance.fraction()) * TRAFFIC.eventsASession));
    const uploadAt = percent(SHARES.uploads) ? chance.between(HOUR_MS, 30 * HOUR_MS) : undefined;
    let after = 0;
    for (let index = 0; index < events; index++) {
      after += -Math.log(1 - chance.fraction()) * 8 * SECOND_MS;
      const at = Math.ceil(kernel.now() + after);
      const event = {
        ...{ id: `e-${n}-${index}`, name: index === 0 ? 'app_opened' : 'screen_viewed', ...who },
        time: new Date(at + skew).toISOString(),
        properties: { screen: `screen-${index % 12}`, ms: chance.between(20, 900), source: 'tab' },
      };
      const sentAt = uploadAt === undefined ? at : kernel.now() + uploadAt;
      // The trackers close at the end.
      if (sentAt >= BEGIN + end) continue;
      kernel.at(sentAt, () => {
        sent.events++;
        track(event);
        if (!isTwice) return;
        sent.repeated++;
        track(event);
      });
    }
  }

  often(perDay('feedbacks'), () => void feedback());
  often(perDay('mails'), mail);
  often(perDay('testers'), invite);
  often(perDay('events') / TRAFFIC.eventsASession, session);
  // A part of a day has a part of its campaign.
  const part = Math.min(1, days);
  const each = Math.round((part * (share.recipients ?? 1) * TRAFFIC.recipients) / TRAFFIC.campaigns);
  for (let n = 0; n < TRAFFIC.campaigns; n++) {
    const at = (0.4 * part + (n * MONTH_DAYS) / TRAFFIC.campaigns) * DAY_MS;
    if (at < end) kernel.at(BEGIN + at, () => campaign(`good-${n}`, each));
  }
  for (const one of trouble) {
    if (startOf(one) >= end) continue;
    kernel.at(BEGIN + startOf(one), () => {
      if (one.deployment) service.deploy();
      for (let n = 0; n < (one.badJobs ?? 0); n++) void feedback(REFUSED_WORD);
      if (one.badCampaign) campaign('bad', each);
      for (let n = 0; n < (one.wrongMessages ?? 0); n++) count('feedback', wrongMessage(service, n));
    });
    if (one.operator === DISCARDS)
      kernel.at(BEGIN + startOf(one) + one.minutes * MINUTE_MS, () => void service.discardDead('feedback'));
  }
  return {
    sent,
    close: async () => void (await Promise.all(trackers.map((tracker) => tracker.close({ timeoutMs: MINUTE_MS })))),
  };
}

/** A direct sender who has misread the page: a message without the envelope's required fields. */
const wrongMessage = ({ portsOf, urlOf }: Service, n: number): Promise<unknown> =>
  portsOf('direct sender').queues.send(urlOf('feedback'), {
    body: JSON.stringify({ type: 'feedback', message: `number ${n}` }),
    ...{ groupId: `wrong-${n}`, deduplicationId: `wrong-${n}` },
  });

const POST_EVERY_MS = 3 * SECOND_MS;
const MOST_IN_A_POST = 500;

/** SendGrid's events: posts of what has happened in some seconds, some of them hours late. */
export function createEvents() {
  let service: Service | undefined;
  let waiting: object[] = [];
  let isDue = false;

  function post(): void {
    isDue = false;
    const events = waiting;
    waiting = [];
    for (let from = 0; from < events.length; from += MOST_IN_A_POST)
      void deliver(events.slice(from, from + MOST_IN_A_POST));
  }
  /** SendGrid repeats what was not answered with 2xx. */
  async function deliver(events: object[]): Promise<void> {
    await service?.webhook(events).catch(() => service?.kernel.setTimeout(() => void deliver(events), MINUTE_MS));
  }
  function add(mail: AcceptedMail, event: string, afterMs: number): void {
    service?.kernel.setTimeout(() => {
      waiting.push(...eventsOf(mail, event, service?.now() ?? 0));
      if (isDue) return;
      isDue = true;
      service?.kernel.setTimeout(post, POST_EVERY_MS);
    }, afterMs);
  }
  return {
    start: (of: Service) => {
      service = of;
    },
    onMails: (mails: readonly AcceptedMail[]) => {
      for (const mail of mails) {
        const { chance } = service as Service;
        const [address = ''] = mail.to;
        const late = 100 * chance.fraction() < SHARES.lateEvents ? chance.between(HOUR_MS, 6 * HOUR_MS) : 0;
        const soon = late + chance.between(1, 20) * SECOND_MS;
        add(mail, 'processed', 200);
        add(mail, address.startsWith('bounces') ? 'bounce' : 'delivered', soon);
        if (address.startsWith('reports')) add(mail, 'spamreport', soon + chance.between(1, 60) * MINUTE_MS);
        if (address.startsWith('leaves')) add(mail, 'unsubscribe', soon + chance.between(1, 60) * MINUTE_MS);
        else if (chance.fraction() < 0.4) add(mail, 'open', soon + chance.between(1, 600) * MINUTE_MS);
      }
    },
  };
}
