import type { FactMessage } from '../../lib/engine/reconcile/facts';
import type { DiscordMessage } from '../../lib/operate/alarms/discord';
import type { AlarmChange } from '../../lib/operate/alarms/notification';
import { type AlarmDeps, notify } from '../../lib/operate/alarms/notify';
import type { OutgoingMessage } from '../../lib/platform/ports';
import { memoryClock, memoryRandom } from './memory-clock';
import { memoryTable } from './memory-table';

export const alarmChange = (changes: Partial<AlarmChange> = {}): AlarmChange => ({
  AlarmName: 'acme-feedback-dlq-depth',
  NewStateValue: 'ALARM',
  OldStateValue: 'OK',
  NewStateReason:
    'Threshold Crossed: 1 out of the last 1 datapoints [3.0 (02/01/26 03:03:00)] was greater than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).',
  StateChangeTime: '2026-01-02T03:04:05.678+0000',
  Trigger: { Threshold: 1, ComparisonOperator: 'GreaterThanOrEqualToThreshold' },
  ...changes,
});

export const aFact = (changes: Partial<FactMessage> = {}): FactMessage => ({
  fact: 'circuit-open',
  subject: 'zendesk',
  code: 'ZendeskUnavailable',
  on: true,
  since: Date.UTC(2026, 0, 2, 3, 4, 5),
  at: Date.UTC(2026, 0, 2, 3, 4, 5),
  ...changes,
});

export const snsMessage = (change: unknown, Subject = 'ALARM') => ({
  MessageId: 'message-1',
  Subject,
  Message: typeof change === 'string' ? change : JSON.stringify(change),
});

/** The alarms function before a chat that answers with these errors in turn, and then takes everything. */
export function chat(errors: Error[] = []) {
  const clock = memoryClock();
  const table = memoryTable();
  const tried: DiscordMessage[] = [];
  const taken: DiscordMessage[] = [];
  /** The queue of undelivered alarms. */
  const kept: OutgoingMessage[] = [];
  const log = () => {};
  const deps: AlarmDeps = {
    ...{ instance: 'acme', stage: 'prod', region: 'eu-central-1', queues: ['feedback', 'emails'], runbook: '' },
    discord: {
      send: async (message) => {
        tried.push(message);
        const error = errors.shift();
        if (error) throw error;
        taken.push(message);
      },
    },
    ...{ clock, table, random: memoryRandom() },
    undelivered: {
      send: async (_url, message) => {
        kept.push(message);
        return { messageId: '1' };
      },
    },
    undeliveredUrl: 'https://sqs.example.com/undelivered',
    log: { info: log, warn: log, error: log },
  };
  const end = clock.now() + 30_000;
  return {
    ...{ deps, clock, tried, taken, kept },
    /** Puts what another part of the service has stored. */
    stored: (key: string, fields: object) => table.put({ key, version: 1, writer: '', ...fields }, 0),
    notify: (change: unknown) => notify(deps, snsMessage(change), { remainingMs: () => end - clock.now() }),
    titles: () => taken.map(({ embeds }) => embeds[0]?.title),
    /** The fields of each message, by their names. */
    fields: (): Record<string, string>[] =>
      taken.map(({ embeds }) => Object.fromEntries(embeds[0]?.fields?.map(({ name, value }) => [name, value]) ?? [])),
  };
}
