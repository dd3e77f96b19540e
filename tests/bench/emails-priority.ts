import { setTimeout as sleep } from 'node:timers/promises';
import { watchedService, withVariable } from '../support/local-service';
import { localPackage } from '../support/packages';
import { quantile, type Size } from './table';

const SIZES = {
  full: { recipients: 100_000, part: 10_000, rate: 2_500, everyMs: 250 },
  small: { recipients: 600, part: 300, rate: 500, everyMs: 2_000 },
};

/** How long a single mail takes to reach the vendor beside campaigns, on this machine. */
export async function emailsPriority(size: Size): Promise<string> {
  const { recipients, part, rate, everyMs } = SIZES[size];
  const service = await watchedService(withVariable(await localPackage(), 'EMAIL_RATE', String(rate)));
  try {
    const { producer } = service;
    const mail = { from: { email: 'news@example.com' }, subject: 'S', text: 'T' };
    for (let first = 0; first < recipients; first += part)
      await producer.campaign(
        { ...mail, unsubscribe: { link: 'https://example.com/leave?who={{token}}' } },
        Array.from({ length: part }, (_, n) => ({ email: `user-${first + n}@example.com`, data: { token: n } })),
      );
    const begun = Date.now();
    const asked = new Map<string, number>();
    const campaign = () => service.sendgrid.mails.filter(({ customArgs }) => customArgs.campaign !== undefined).length;
    let ended: number | undefined;
    const arrived = service.until(`the mails of ${recipients} recipients`, () => campaign() >= recipients);
    arrived
      .catch(() => {})
      .finally(() => {
        ended = Date.now();
      });
    while (ended === undefined) {
      const at = Date.now();
      const { id } = await producer.email({ ...mail, to: { email: `person-${asked.size}@example.com` } });
      asked.set(id, at);
      await sleep(everyMs);
    }
    await arrived;
    const seconds = (ended - begun) / 1000;
    const waits = () =>
      service.sendgrid.mails.flatMap(({ customArgs, at }) => {
        const from = asked.get(customArgs.job ?? '');
        return from === undefined ? [] : [at - from];
      });
    await service.until('every single mail', () => waits().length === asked.size);
    const at = (part: number) => `${(quantile(waits(), part) / 1000).toFixed(2)} s`;
    const used = (100 * recipients) / seconds / rate;
    return [
      `${recipients} recipients of campaigns in ${seconds.toFixed(0)} s, ${used.toFixed(0)} % of the limit of ${rate} a second.`,
      `${asked.size} single mails meanwhile: half within ${at(0.5)}, p99 ${at(0.99)}, all ${at(1)}.`,
    ].join('\n');
  } finally {
    await service.stop();
  }
}
