import type { FailingWork, Limit } from '../../engine/jobs/items';
import { functionName } from '../../engine/jobs/keys';
import type { StoredFact } from '../../engine/reconcile/facts';
import { LONGEST_RETRY_MS } from '../../engine/worker/circuit';
import { duration } from '../../platform/duration';
import { slsCommand, type Target } from '../../platform/target';
import { counted, visible } from '../../platform/text';
import type { DiscordMessage, Embed } from './discord';
import { type AnyKind, isFact, KINDS, type Kind, runbookOf } from './kinds';
import type { AlarmChange, Change, Notification, Outage } from './notification';

export interface AlarmedInstance extends Target {
  queues: readonly string[];
  /** Address of docs/runbook.md. May be empty. */
  runbook: string;
}

export interface Details {
  dead?: readonly StoredFact[];
  failing?: readonly FailingWork[];
  /** What an operator has set for the queue or the vendor. Who did it may be an address, so the chat does not show it. */
  limit?: Pick<Limit, 'at' | 'reason' | 'until'> | undefined;
  /** When the next trial call of an open circuit comes, ms since 1970. */
  nextTrialAt?: number | undefined;
  /** The code of what such a vendor answered last. */
  answer?: string | undefined;
  over?: Outage | undefined;
}

const LONGEST_PAUSE = duration(LONGEST_RETRY_MS / 1000);
const RED = 0xd8_3c_3e;
const GREEN = 0x3b_a5_5d;
const GREY = 0x80_84_8e;

export function messageOf(
  notification: Notification,
  instance: AlarmedInstance,
  details: Details = {},
): DiscordMessage {
  if ('raw' in notification) return { embeds: [shown(rawEmbed(notification.raw, instance))] };
  const { change } = notification;
  const embed = change.firing ? firingEmbed(change, instance, details) : overEmbed(change, instance, details);
  return { embeds: [shown(embed)] };
}

function firingEmbed(
  change: Change,
  instance: AlarmedInstance,
  { dead = [], failing = [], limit, nextTrialAt, answer = '' }: Details,
): Embed {
  const { kind, subject, jobId = dead[0]?.jobId, alarm } = change;
  const { meaning, codes = {}, inspect, next = 'deploy', unit, scope }: Kind = KINDS[kind];
  const isPaused = limit && scope === 'queue';
  const command = (text: string) =>
    `\`${slsCommand(text.replaceAll('{}', subject).replace('JOB', jobId ?? 'JOB'), instance)}\``;
  const runbook = runbookOf(kind, instance.runbook);
  return {
    ...frame(RED, instance, change.at),
    title: `🔴 ${titleOf(change, instance)}`,
    description: `${[codes[change.code ?? ''], meaning].filter(Boolean).join(' ')}\n${instance.runbook ? `[Runbook](${runbook})` : `Runbook: ${runbook}`}`,
    fields: [
      ...aboutFields(change),
      ...(alarm ? [{ name: 'Value', value: valueText(alarm, unit), inline: true }] : []),
      { name: 'Since', value: timeText(change.at), inline: true },
      { name: 'Until', value: change.until === undefined ? '' : timeText(change.until), inline: true },
      ...(limit ? [{ name: isPaused ? 'Paused' : 'Operator', value: limitText(limit) }] : []),
      { name: 'Its last answer', value: answer, inline: true },
      {
        name: 'Next trial call',
        value: nextTrialAt ? `${timeText(nextTrialAt)}, later at most ${LONGEST_PAUSE} apart` : '',
      },
      { name: 'Errors', value: deadText(dead) },
      { name: 'Details', value: detailsText(change) },
      { name: 'Failing work', value: failingText(failing, instance) },
      { name: 'Inspect', value: command(inspect) },
      { name: 'Next', value: command(isPaused ? 'queues resume --queue {}' : next) },
      { name: 'Links', value: linksText(change, instance) },
    ],
  };
}

/** The message about the end of an outage is about what began it, whatever ended last. */
function overEmbed(change: Change, instance: AlarmedInstance, { over }: Details): Embed {
  const about = { ...change, ...over?.root };
  const seconds = over && Math.max(0, Math.round((change.at - over.since) / 1000));
  return {
    ...frame(GREEN, instance, change.at),
    title: `🟢 ${titleOf(about, instance)} (over)`,
    description: seconds === undefined ? 'It is over.' : `${endText(about.kind, over)} It lasted ${duration(seconds)}.`,
    fields: [
      ...aboutFields(about),
      { name: 'Over since', value: timeText(change.at), inline: true },
      { name: 'Also fired', value: [...new Set(over?.followed)].map((each) => KINDS[each].title).join('\n') },
      { name: 'Links', value: linksText(about, instance) },
    ],
  };
}

/** Dead jobs do not recover: the alarms end also when an operator discards them. */
function endText(root: AnyKind, over: Outage | undefined): string {
  const isAboutDead = (kind: AnyKind) => kind === 'dlq-depth' || kind === 'jobs-dead';
  const left = 'The dead jobs were retried, discarded or replaced, or their DLQ entries have expired.';
  const recovered = isAboutDead(root) ? [] : ['Recovered.'];
  return [...recovered, ...([root, ...(over?.followed ?? [])].some(isAboutDead) ? [left] : [])].join(' ');
}

const rawEmbed = ({ subject, message }: { subject: string; message: string }, instance: AlarmedInstance): Embed => ({
  title: `⚪ ${instance.instance}: ${subject || 'A message on the alarm topic'}`,
  description: codeBlock(message, 3_000),
  ...frame(GREY, instance),
});

const frame = (color: number, { instance, stage, region }: Target, at?: number) => ({
  color,
  footer: { text: `${instance} · ${stage} · ${region}` },
  ...(at !== undefined && { timestamp: new Date(at).toISOString() }),
});

const titleOf = ({ kind, subject }: Pick<Change, 'kind' | 'subject'>, { instance }: Target): string =>
  `${[instance, subject].filter(Boolean).join(' · ')}: ${KINDS[kind].title}`;

function aboutFields({ kind, subject }: Pick<Change, 'kind' | 'subject'>): NonNullable<Embed['fields']> {
  const { scope } = KINDS[kind];
  if (scope === undefined) return [];
  return [{ name: `${scope[0]?.toUpperCase()}${scope.slice(1)}`, value: subject, inline: true }];
}

/** The newest value, which is in the alarm's reason only, and the threshold. */
function valueText({ NewStateReason, Trigger }: AlarmChange, unit: Kind['unit']): string {
  const { Threshold, ComparisonOperator } = Trigger;
  const [, value] = /\[(-?\d+(?:\.\d+)?(?:E-?\d+)?) \(/i.exec(NewStateReason) ?? [];
  const shown = value === undefined ? 'no data' : quantity(Number(value), unit);
  if (Threshold === undefined || Threshold === null) return shown;
  return `${shown} (alarm ${ComparisonOperator?.startsWith('Less') ? 'below' : 'from'} ${quantity(Threshold, unit)})`;
}

/** A value with its unit for people: `2 h 5 min`, `3.2 %`, `12`. */
function quantity(value: number, unit: Kind['unit']): string {
  if (unit === 'seconds') return duration(value);
  if (unit === 'milliseconds') return duration(value / 1000);
  if (unit === 'percent') return `${rounded(value)} %`;
  if (unit === 'share') return `${rounded(value * 100)} %`;
  return rounded(value);
}

const rounded = (value: number): string => String(Math.round(value * 100) / 100);

const MOST_CODES = 5;

/** Why the jobs of a queue died, the most frequent code first, each with the first job that died of it. */
const deadText = (dead: readonly StoredFact[]): string =>
  dead
    .toSorted((a, b) => (b.count ?? 0) - (a.count ?? 0))
    .slice(0, MOST_CODES)
    .map(({ code, count, jobId }) => `${counted(count ?? 0, 'job')}: ${code} (${jobId})`)
    .join('\n');

const detailsText = ({ jobId, code, count, note }: Change): string =>
  [note, count !== undefined && counted(count, 'job'), jobId && `job ${jobId}`, code && `code ${code}`]
    .filter(Boolean)
    .join(', ');

const MOST_FAILING = 3;

/** What fails in the reconciler, with the command that shows the job that fails most often. */
const failingText = (failing: readonly FailingWork[], target: Target): string =>
  failing
    .slice(0, MOST_FAILING)
    .map(({ kind, queue = '', code, jobId, times = 1, jobs, since }) => {
      const job = `, ${jobs} jobs, most often ${jobId} (${times} times): \`${slsCommand(`jobs show ${jobId} --queue ${queue}`, target)}\``;
      return `${kind}: ${code} since <t:${Math.floor(since / 1000)}:f>${jobId === undefined ? '' : job}`;
    })
    .join('\n');

/** An operator's words may look like Discord's markup, so they are in a code block. */
const limitText = ({ at, reason, until }: NonNullable<Details['limit']>): string =>
  `since <t:${Math.floor(at / 1000)}:f>${until ? `, until ${timeText(until)}` : ''}\n${codeBlock(reason, 400)}`;

/** Discord shows such a time in the reader's time zone, and how long ago it was. */
function timeText(at: number): string {
  const seconds = Math.floor(at / 1000);
  return `<t:${seconds}:f> (<t:${seconds}:R>)`;
}

function linksText({ name, kind, subject }: Change, { instance, region }: Target): string {
  const cloudWatch = `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#`;
  // A name may come from any message on the topic.
  const encoded = (text: string) => encodeURIComponent(text.toWellFormed());
  // The code follows the alarm's own name.
  const [alarm = ''] = name.split(' ');
  // The console expects a log group's name URL-encoded twice, with $ instead of %.
  const logGroup = encoded(encoded(`/aws/lambda/${functionName(instance, subject)}`)).replaceAll('%', '$');
  return [
    ...(isFact(kind) ? [] : [`[Alarm](${cloudWatch}alarmsV2:alarm/${encoded(alarm)})`]),
    ...(KINDS[kind].scope === 'queue' ? [`[Logs](${cloudWatch}logsV2:log-groups/log-group/${logGroup})`] : []),
    `[Dashboard](${cloudWatch}dashboards/dashboard/${encoded(instance)})`,
  ].join(' · ');
}

/**
 * An embed within Discord's limits, without empty fields, and with controls as text.
 * https://discord.com/developers/docs/resources/message#embed-object-embed-limits
 */
function shown({ title, description, fields = [], ...rest }: Embed): Embed {
  const kept = fields.flatMap((field) =>
    field.value.trim() === '' ? [] : [{ ...field, value: cut(visible(field.value), 1_024) }],
  );
  return {
    ...rest,
    title: cut(visible(title), 256),
    ...(description && { description: cut(visible(description), 4_096) }),
    ...(kept.length > 0 && { fields: kept }),
  };
}

/** Cuts text to `most` UTF-16 units, with an ellipsis at the end. Never splits a character. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** A code block, in which Discord ignores mark-up and mentions. */
function codeBlock(text: string, most: number): string {
  const fence = '```';
  const inner = cut(text.replaceAll(fence, "'''"), most - 2 * fence.length - 2);
  return `${fence}\n${inner}\n${fence}`;
}
