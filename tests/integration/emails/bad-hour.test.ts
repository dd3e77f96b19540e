import { readFileSync } from 'node:fs';
import type { DiscordMessage } from '../../../lib/operate/alarms/discord';
import { notify } from '../../../lib/operate/alarms/notify';
import { eventVerifier } from '../../../lib/queues/emails/events/verify';
import { eventWebhook } from '../../../lib/queues/emails/events/webhook';
import { eventKeys } from '../../../packages/local/fakes/sendgrid';
import { reply, startFake } from '../../../packages/local/fakes/server';
import { CAMPAIGN, startEmails } from '../../support/emails';
import { eventually } from '../../support/eventually';
import { command } from '../../support/operator';

const MINUTE_MS = 60_000;
const FOR_LONG = { remainingMs: () => 60_000 };
const PLACE = { instance: 'acme', stage: 'prod', region: 'eu-central-1', queues: ['emails'], runbook: '' };

/** docs/emails.md shows what this test sees: over HTTP, the fake SendGrid bounces every eighth mail of a list. */
test('an hour of a bad campaign is as the docs show it', async () => {
  const keys = eventKeys();
  const emails = await startEmails({ rate: 25, keys });
  const { engine, sendgrid } = emails;
  engine.deps.guard = { bounces: 5, reports: 0.1, refused: 20, first: 500, wait: 600 };
  const verify = eventVerifier([keys.publicKey], engine.clock.now);
  const webhook = eventWebhook({ ...engine.deps, clock: engine.clock, verify });
  let answered = 0;
  const url = await startFake({
    state: () => ({}),
    handle: async ({ method, path, headers, body }) => {
      const requestContext = { http: { method, path } };
      const { statusCode } = await webhook({ requestContext, headers: headers as never, body });
      answered += (JSON.parse(body) as { event: string }[]).filter(({ event }) => event !== 'processed').length;
      return reply(statusCode);
    },
  });
  sendgrid.sendEventsTo(url.url);
  const start = engine.clock.now();
  const shown: string[] = [];
  const messages: DiscordMessage[] = [];
  const discord = { send: async (message: DiscordMessage) => void messages.push(message) };
  const undelivered = { send: async () => ({ messageId: '' }) };
  const show = (who: string, ...lines: string[]) => {
    const minute = Math.floor((engine.clock.now() - start) / MINUTE_MS);
    shown.push(
      ...lines.map((line, n) => `${n === 0 ? `${String(minute).padStart(2)} min  ${who}` : ''.padEnd(13)} ${line}`),
    );
  };
  const type = async (name: 'campaign resume' | 'campaign cancel') => {
    const { lines } = await command(engine, name, { id: CAMPAIGN });
    show('sls ', ...lines);
  };
  const send = async () => {
    while (engine.inQueue() > 0) await engine.deliver(1);
    await eventually(
      () => [answered, sendgrid.mails.length] as const,
      ([events, mails]) => events >= mails,
    );
  };
  // Workers send while the reconciler waits for its next poll.
  engine.deps.clock = {
    ...engine.clock,
    sleep: async (ms) => {
      await engine.clock.sleep(ms);
      await send();
    },
  };
  let told = 0;
  const pass = async (until: number) => {
    while (engine.clock.now() < start + until * MINUTE_MS) {
      const before = engine.clock.now();
      await engine.reconcile({ stayMs: 50_000 });
      for (const fact of engine.facts.slice(told)) {
        const sns = { Message: JSON.stringify(fact), Subject: '', MessageId: '' };
        await notify({ ...engine.deps, ...PLACE, discord, undelivered, undeliveredUrl: '' }, sns, FOR_LONG);
        const { title = '', description = '', fields = [] } = messages.at(-1)?.embeds?.[0] ?? {};
        const next = fields.filter(({ name }) => name === 'Next').map(({ value }) => `Next: ${value}`);
        const details = fields.filter(({ name }) => name === 'Details').map(({ value }) => value);
        show('chat', title, ...(fact.on ? [...details, ...next] : [description]));
      }
      told = engine.facts.length;
      engine.clock.advance(Math.max(1, before + MINUTE_MS - engine.clock.now()));
    }
  };

  await emails.campaign({ recipients: 5_000, chunkSize: 12, bad: 8 });
  await pass(10);
  await type('campaign resume');
  await pass(30);
  await type('campaign cancel');
  await pass(60);
  await url.close();
  await emails.close();
  const [, block = ''] =
    /The hour of a bad campaign.*?```text\n(.*?)\n```/s.exec(readFileSync('docs/emails.md', 'utf8')) ?? [];
  expect(shown.map((line) => line.replaceAll(CAMPAIGN, 'ID'))).toEqual(block.split('\n'));
});
