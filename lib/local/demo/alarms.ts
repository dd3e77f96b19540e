import { setTimeout as sleep } from 'node:timers/promises';
import { KINDS } from '../../alarms/kinds';
import type { FakeDiscord } from '../fakes/discord';
import type { TakenMessage } from '../fakes/discord-rules';
import { textTable } from './text-table';

const LOOK_MS = 250;

type Embed = TakenMessage['embeds'][number];

/** Waits for the alarm message about the dead-letter queue. `undefined` means that none came in time. */
export async function deadLetterMessage(
  { messages }: Pick<FakeDiscord, 'messages'>,
  { limitMs }: { limitMs: number },
): Promise<Embed | undefined> {
  for (const until = Date.now() + limitMs; ; await sleep(LOOK_MS)) {
    const found = embedsOf(messages).find(
      ({ title }) => title?.startsWith('🔴') && title.includes(KINDS['dlq-depth'].title),
    );
    if (found || Date.now() > until) return found;
  }
}

/** The text of a message as Discord shows it. */
export const messageText = ({ title = '', description = '', fields = [] }: Embed): string =>
  [title, ...description.split('\n'), ...fields.map(({ name, value }) => `${name}: ${value}`)].join('\n  ');

/** A table of all messages, one line each. */
export function messagesTable(messages: TakenMessage[]): string {
  return textTable(
    ['Message', 'Value'],
    embedsOf(messages).map(({ title = '', fields = [] }) => [
      title,
      fields.find(({ name }) => name === 'Value')?.value ?? '-',
    ]),
  );
}

const embedsOf = (messages: TakenMessage[]): Embed[] => messages.flatMap(({ embeds }) => embeds);
