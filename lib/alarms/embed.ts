import { functionName } from '../jobs/keys';
import { slsCommand, type Target } from '../target';
import type { DiscordMessage, Embed } from '../vendors/discord';
import { codeBlock, cut, LIMITS, withinLimits } from './fit';
import { type AlarmKind, KINDS, type Kind, parseAlarmName } from './kinds';
import type { Known } from './known';
import { consoleLinks } from './links';
import { type AlarmChange, type Notification, newestValue } from './notification';
import type { Over } from './outages';
import { behindText, causesText, duration, exitsText, failingText, pauseText, quantity } from './text';

/** The deployment that an alarm is about. */
export interface Place extends Target {
  /** The names of its queues. */
  queues: readonly string[];
}

/** What a message can tell besides the alarm itself. */
export interface Told extends Known {
  over?: Over | undefined;
}

const COLOURS: Record<AlarmChange['NewStateValue'], number> = {
  ALARM: 0xd8_3c_3e,
  OK: 0x3b_a5_5d,
  INSUFFICIENT_DATA: 0xfa_a6_1a,
};
const MARKS: Record<AlarmChange['NewStateValue'], string> = { ALARM: '🔴', OK: '🟢', INSUFFICIENT_DATA: '🟠' };
const GREY = 0x80_84_8e;

/** A notification as a message for Discord, within all of its limits. */
export function messageOf(notification: Notification, place: Place, stored: Told = {}): DiscordMessage {
  if ('raw' in notification) return { embeds: [withinLimits(rawEmbed(notification.raw, place))] };
  const alarm = rootOf(notification.alarm, stored);
  const known = parseAlarmName(alarm.AlarmName, place);
  const embed = known ? ownEmbed({ alarm, place, ...known, ...stored }) : foreignEmbed(alarm, place);
  return { embeds: [withinLimits(embed)] };
}

/** The same message without an embed, for when Discord refuses the embed. */
export function plainMessage({ embeds }: DiscordMessage): DiscordMessage {
  const lines = embeds.flatMap(({ title, description, fields = [] }) => [
    title,
    description ?? '',
    ...fields.map(({ name, value }) => `${name}: ${value}`),
  ]);
  return { content: codeBlock(lines.filter(Boolean).join('\n'), LIMITS.content), embeds: [] };
}

interface Own extends Told {
  alarm: AlarmChange;
  place: Place;
  kind: AlarmKind;
  subject: string;
}

function ownEmbed({
  alarm,
  place,
  kind,
  subject,
  exits,
  causes = [],
  failing = [],
  behind = {},
  pause,
  ...more
}: Own): Embed {
  const { scope, title, unit, means, look, next }: Kind = KINDS[kind];
  const over = alarm.NewStateValue === 'OK';
  const job = behind.jobId ?? causes[0]?.first[0] ?? 'JOB';
  const command = (text: string) => `\`${slsCommand(text.replaceAll('{}', subject).replace('JOB', job), place)}\``;
  const runbook = /Runbook: (\S+)/.exec(alarm.AlarmDescription ?? '')?.[1];
  return {
    ...frame(alarm, place),
    title: `${MARKS[alarm.NewStateValue]} ${[place.instance, subject].filter(Boolean).join(' · ')}: ${title}${over ? ' (over)' : ''}`,
    description: over ? overText(alarm, more.over) : `${means}${runbook ? `\n${runbookText(runbook)}` : ''}`,
    fields: [
      ...(scope === 'instance'
        ? []
        : [{ name: `${scope[0]?.toUpperCase()}${scope.slice(1)}`, value: subject, inline: true }]),
      { name: 'Value', value: valueText(alarm, unit), inline: true },
      { name: over ? 'Over since' : 'Since', value: sinceText(alarm), inline: true },
      ...(pause ? [{ name: 'Paused', value: pauseText(pause) }] : []),
      ...(more.over && more.over.followed.length > 0
        ? [{ name: 'Also fired', value: more.over.followed.map((each) => KINDS[each].title).join('\n') }]
        : []),
      ...(over && exits ? [{ name: 'Why the queue is empty', value: exitsText(exits) }] : []),
      ...(over
        ? []
        : [
            { name: 'Why', value: causesText(causes) },
            { name: 'What is behind it', value: behindText(behind) },
            { name: 'What fails', value: failingText(failing, place) },
          ]),
      ...(over
        ? []
        : [
            { name: 'Look', value: command(look) },
            { name: 'Next', value: command(pause ? 'queues resume --queue {}' : next) },
          ]),
      {
        name: 'Links',
        value: linksText(alarm, place, scope === 'queue' || scope === 'function' ? subject : undefined),
      },
    ],
  };
}

/** The message about the end of an outage is about its first alarm, whichever ended last. */
function rootOf(alarm: AlarmChange, { over }: Told): AlarmChange {
  if (!over || over.root === alarm.AlarmName) return alarm;
  return { ...alarm, AlarmName: over.root, NewStateReason: '', Trigger: {} };
}

function overText({ StateChangeTime }: AlarmChange, over: Over | undefined): string {
  if (!over) return 'The alarm is over.';
  const seconds = Math.round((Date.parse(StateChangeTime) - over.since) / 1000);
  return `Recovered. It lasted ${duration(Math.max(0, seconds))}.`;
}

/** An alarm on our topic that is not from our table. */
const foreignEmbed = (alarm: AlarmChange, place: Place): Embed => ({
  ...frame(alarm, place),
  title: `${MARKS[alarm.NewStateValue]} ${place.instance} · ${alarm.AlarmName}: ${alarm.NewStateValue}`,
  description: [alarm.AlarmDescription ?? '', codeBlock(alarm.NewStateReason, 1500)].filter(Boolean).join('\n'),
  fields: [
    { name: 'Since', value: sinceText(alarm), inline: true },
    { name: 'Links', value: linksText(alarm, place) },
  ],
});

const rawEmbed = ({ subject, message }: { subject: string; message: string }, place: Place): Embed => ({
  title: `⚪ ${place.instance}: ${subject || 'A message on the alarm topic'}`,
  description: codeBlock(message, LIMITS.description),
  color: GREY,
  footer: { text: footer(place) },
});

const frame = (alarm: AlarmChange, place: Place) => ({
  color: COLOURS[alarm.NewStateValue],
  timestamp: new Date(alarm.StateChangeTime).toISOString(),
  footer: { text: footer(place) },
});

const footer = ({ instance, stage, region }: Target): string => `${instance} · ${stage} · ${region}`;

function valueText(alarm: AlarmChange, unit: Kind['unit']): string {
  const { Threshold, ComparisonOperator } = alarm.Trigger;
  const value = newestValue(alarm);
  const shown = value === undefined ? 'no data' : quantity(value, unit);
  if (Threshold === undefined || Threshold === null) return shown;
  return `${shown} (alarm ${ComparisonOperator?.startsWith('Less') ? 'below' : 'from'} ${quantity(Threshold, unit)})`;
}

/** Discord shows such a time in the reader's time zone, and how long ago it was. */
function sinceText({ StateChangeTime }: AlarmChange): string {
  const seconds = Math.floor(Date.parse(StateChangeTime) / 1000);
  return `<t:${seconds}:f> (<t:${seconds}:R>)`;
}

function linksText(alarm: AlarmChange, { instance }: Target, functionKey?: string): string {
  const links = consoleLinks(alarm.AlarmArn);
  if (!links) return '';
  return [
    `[Alarm](${links.alarm})`,
    ...(functionKey ? [`[Logs](${links.logs(functionName(instance, functionKey))})`] : []),
    `[Dashboard](${links.dashboard(instance)})`,
  ].join(' · ');
}

const runbookText = (runbook: string): string =>
  runbook.startsWith('http') ? `[Runbook](${runbook})` : `Runbook: ${cut(runbook, 500)}`;

/** The function's key as in its deployed name: `emailEvents` is deployed as `{instance}-email-events`. */
