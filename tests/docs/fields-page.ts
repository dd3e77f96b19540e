import { fieldsOf, SHAPES } from '../../packages/producer/pack';

const INTRO = `# Fields

\`npm run schemas\` writes this page from the schemas of the producer. The types of the package have the same sentences, so
an editor shows them. An unknown field is refused. \`{prefix}\` is the instance's.

| kind | \`result\` of \`jobs.get\` after a success |
|---|---|
| \`feedback\` | \`ticketId\`, \`confirmation\`: \`sent\`, \`unknown\` (SendGrid did not answer) or \`skipped: {why}\` |
| \`email\` | \`messageId\` of SendGrid, or \`evidence\`: the event that proves the mail |
| \`campaign\` | \`chunks\`, \`recipients\`: the campaign has begun. \`campaigns.report\` counts what was sent |
| \`invite\` | \`testerId\`, \`invitation\`, \`notification\` as \`confirmation\` |
| \`removeTester\` | \`removed\`; \`testerId\`, if there was one |
| \`notifyBuild\` | \`notification\`: \`sent\` |

| field | | rule |
|---|---|---|
`;

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
  'options of jobs.get and cancel': 'questionSchema',
  'createProducer(options)': 'connectionSchema',
};

/** The page of the package with each field that a caller of the producer writes, with its rule, limit and unit. */
export function fieldsPage(): string {
  const mail = rowsOf('emailMessageSchema');
  const sections = Object.entries(SECTIONS).map(([title, name]) => {
    const rows = rowsOf(name).filter((row) => name !== 'campaignSchema' || !mail.includes(row));
    return [`| **${title}** | | |`, ...rows].join('\n');
  });
  return `${INTRO}${sections.join('\n')}\n`;
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
