import { setTimeout as sleep } from 'node:timers/promises';
import { KINDS } from '../../alarms/kinds';
import type { FakeDiscord } from '../fakes/discord';
import type { TakenMessage } from '../fakes/discord-rules';
import { textTable } from './text-table';

const LOOK_MS = 250;

type Embed = TakenMessage['embeds'][number];

/** The message that a job in the dead-letter queue produces, once it is there; `undefined` when the time is up. */
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

/** One message as it can be read in Discord. */
export const messageText = ({ title = '', description = '', fields = [] }: Embed): string =>
  [title, ...description.split('\n'), ...fields.map(({ name, value }) => `${name}: ${value}`)].join('\n  ');

/** Everything that was told, a line each. */
export function messagesTable(messages: TakenMessage[]): string {
  return textTable(
    ['Told', 'Value'],
    embedsOf(messages).map(({ title = '', fields = [] }) => [
      title,
      fields.find(({ name }) => name === 'Value')?.value ?? '-',
    ]),
  );
}

const embedsOf = (messages: TakenMessage[]): Embed[] => messages.flatMap(({ embeds }) => embeds);
