import { readFileSync } from 'node:fs';
import { fieldsOf, SHAPES } from '../../packages/producer/pack';
import { withTable } from './pages';

/** What a caller writes, and the name of its shape. */
const SECTIONS = {
  'options of each job': 'SubmitOptions',
  'feedback(data)': 'feedbackSchema',
  'email(data)': 'emailMessageSchema',
  'campaign(data, recipients): the fields of email without `to` and `data`, and these': 'campaignSchema',
  'a recipient of a campaign': 'recipientSchema',
  'invite(data)': 'inviteSchema',
  'removeTester(data)': 'removeSchema',
  'notifyBuild(data)': 'notifyBuildSchema',
  'track(event)': 'AnalyticsEvent',
  'attachments.upload(input)': 'uploadSchema',
  'options of jobs and campaigns': 'questionSchema',
  'limits, among the options of every call': 'callLimits',
  'createProducer(options)': 'connectionSchema',
};

/** The page of the package with each field that a caller of the producer writes, with its rule, limit and unit. */
export function fieldsPage(): string {
  const mail = rowsOf('emailMessageSchema');
  const rows = Object.entries(SECTIONS).flatMap(([title, name]) => [
    `| **${title}** | | |`,
    ...rowsOf(name).filter((row) => name !== 'campaignSchema' || !mail.includes(row)),
  ]);
  return withTable(readFileSync('packages/producer/fields.md', 'utf8'), '| field | | rule |', rows);
}

function rowsOf(name: string): string[] {
  const rows = fieldsOf(SHAPES[name] ?? {}).flatMap(([path, field, required]) => {
    const { description, default: value, enum: values } = field;
    if (!description) return [];
    const fact = required ? 'required' : value === undefined || typeof value === 'object' ? '' : `default ${value}`;
    const rule = `${description}${values ? ` One of ${values.join(', ')}.` : ''}`;
    return [[path, `| \`${path}\` | ${fact} | ${rule.replace(/\.$/, '')} |`] as const];
  });
  return [...new Map(rows).values()];
}
