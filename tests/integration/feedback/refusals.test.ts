import { whyNot } from '../../../lib/operate/ops/act';
import type { FeedbackInput } from '../../../lib/queues/feedback/message';
import { jobId } from '../../support/engine';
import { attachmentKey, feedbackBody, startFeedback } from '../../support/feedback';
import { memoryClock } from '../../support/memory-clock';

let service: Awaited<ReturnType<typeof startFeedback>>;
const start = async (...given: Parameters<typeof startFeedback>) => {
  service = await startFeedback(...given);
  return service;
};
afterEach(() => service.close());

const whole: Partial<FeedbackInput> = {
  ...{ category: 'Export', priority: 'high', type: 'problem', customFields: [{ id: 7, value: 'web' }] },
  attachments: [{ key: attachmentKey, name: 'screen.png' }],
};
const ID = jobId(1);
const bodiesOf = ({ zendesk }: typeof service) =>
  zendesk.requests
    .filter(({ method, path }) => method === 'POST' && path.includes('tickets'))
    .map(({ headers, body }) => ({
      key: headers['idempotency-key'],
      ticket: (JSON.parse(body) as { ticket: Record<string, unknown> }).ticket,
    }));
const refusing = (details: object | undefined, status = 422, times = 1) =>
  service.zendesk.fail({ method: 'POST', path: 'tickets', times, status, body: details && { details } });

const said = (description: string) => [{ description }];
const FOR_AGENTS = ['customFields', 'tags', 'priority', 'type'];
const ALL = ['requester', ...FOR_AGENTS, 'files'];
test.each<[string, object | undefined, number, string[]]>([
  ['a custom field', { custom_fields: said('Severity: is gone') }, 422, ['customFields']],
  ['a field by its label', { base: said('Custom field 7: cannot be blank') }, 422, ['customFields']],
  ['two parts', { priority: said('is invalid'), ticket_type: said('is invalid') }, 422, ['priority', 'type']],
  ['tags', { tags: said('too many') }, 400, ['tags']],
  ['a requester', { requester: said('Requester: user@example.com is suspended.') }, 422, ['requester']],
  ['a requester with a field', { requester: said('is suspended') }, 403, ['requester']],
  ['no part that we know', { base: said('Something: is wrong') }, 422, FOR_AGENTS],
  ['a request that is too large', undefined, 413, FOR_AGENTS],
])(
  'Zendesk refuses %s: the ticket is made without it, and ticket, row, record, log and metric say so',
  async (_what, details, status, parts) => {
    const { engine, zendesk, sendgrid } = await start();
    refusing(details, status);

    await engine.sendAndDeliver(feedbackBody(whole));

    const without = parts.map((what) => ({ what, code: 'ZendeskRejected' }));
    const steps = { ticket: { status: 'done' }, 'reduced-1': { status: 'done', result: { without } } };
    expect(engine.row(ID)).toMatchObject({ state: 'succeeded', without, steps });
    expect(Object.values(engine.records())).toMatchObject([{ without }]);
    expect(engine.metrics.filter(({ name }) => name === 'JobsWithout')).toHaveLength(parts.length);
    expect(bodiesOf(service).map(({ key }) => key)).toEqual([ID, `${ID}:1`]);
    expect(zendesk.tickets).toHaveLength(1);
    const [ticket] = zendesk.tickets;
    expect(ticket?.description).toContain(`this ticket is without: ${parts.join(', ')}`);
    const isLeft = { requester: zendesk.users[0]?.email !== 'user@example.com', priority: !ticket?.priority };
    expect(isLeft).toEqual({ requester: parts.includes('requester'), priority: parts.includes('priority') });
    expect(ticket?.description.includes('Written by: A User, user@example.com')).toBe(parts.includes('requester'));
    expect(ticket?.attachments).toEqual(['screen.png']);
    expect(sendgrid.mails).toHaveLength(1);
    expect(whyNot.resend(engine.row(ID))).toBeDefined();
  },
);

test('what is refused three times is dead, and so is a text at once. Two reductions leave a subject and a text', async () => {
  const { engine } = await start();
  refusing({ type: [] });
  refusing({ priority: [] });
  refusing({ base: [] });
  await engine.sendAndDeliver(feedbackBody(whole));

  expect(engine.row(ID)).toMatchObject({ state: 'dead', error: { code: 'ZendeskRejected' } });
  const [, second, last, ...more] = bodiesOf(service);
  expect([second?.key, last?.key, more]).toEqual([`${ID}:1`, `${ID}:2`, []]);
  expect(Object.keys(last?.ticket ?? {})).toEqual(['external_id', 'subject', 'comment']);
  expect(whyNot.replace(engine.row(ID))).toBeUndefined();
  expect(JSON.stringify(last?.ticket)).toContain(`without: type, ${ALL.filter((part) => part !== 'type').join(', ')}`);

  refusing({ comment: [], subject: [] });
  await engine.sendAndDeliver(feedbackBody(whole, { id: jobId(2) }));
  expect(engine.row(jobId(2))).toMatchObject({ state: 'dead' });
  expect(bodiesOf(service)).toHaveLength(4);
});

test.each([
  ['last', ['screen.png', 'refused.exe'], ['screen.png', 'refused.exe', 'screen.png']],
  ['first', ['refused.exe', 'screen.png'], ['refused.exe', 'screen.png', 'screen.png']],
])(
  'a refused file that is the %s is left out alone, and an expired upload is uploaded again',
  async (_, names, sent) => {
    const { engine, zendesk } = await start();
    refusing({ base: said('Attachment: the upload token is invalid or has expired') });

    await engine.sendAndDeliver(feedbackBody({ attachments: names.map((name) => ({ key: attachmentKey, name })) }));

    const what = `file-${names.indexOf('refused.exe') + 1}`;
    expect(engine.row(ID)).toMatchObject({ state: 'succeeded', without: [{ what, code: 'ZendeskRejected' }] });
    const uploads = zendesk.requests.filter(({ path }) => path.includes('uploads')).map(({ query }) => query.filename);
    expect(uploads).toEqual(sent);
    expect(zendesk.tickets).toMatchObject([{ attachments: ['screen.png'] }]);
    expect(zendesk.tickets[0]?.description).toContain(`without: ${what}`);
  },
);

test('a known user gets ten confirmations an hour, and each eleventh feedback still makes its ticket', async () => {
  const clock = memoryClock();
  const { engine, zendesk, sendgrid } = await start({ clock });
  for (let n = 1; n <= 12; n++) await engine.sendAndDeliver(feedbackBody({}, { id: jobId(n) }));

  expect([zendesk.tickets.length, sendgrid.mails.length]).toEqual([12, 10]);
  expect(engine.row(jobId(11)).without).toEqual([{ what: 'confirmation', code: 'TooManyMails' }]);
});

const FIREWALL = { status: 403, body: '<html>Sorry, you have been blocked</html>', times: 'forever' } as const;

test('a firewall that refuses the words of three users stops no other one, and their tickets have the text as a file', async () => {
  const { engine, zendesk } = await start();
  zendesk.fail({ ...FIREWALL, bodyContains: '<script>' });
  const feedback = (n: number, changes: Partial<FeedbackInput>) =>
    feedbackBody({ user: { id: `user-${n}`, email: `user-${n}@example.com` }, ...changes }, { id: jobId(n) });
  for (const n of [1, 2, 3])
    await engine.sendAndDeliver(
      feedback(n, {
        message: '<script>é</script>',
        context: { path: '<script>' },
        customFields: [{ id: 7, value: '<script>' }],
      }),
    );
  for (const n of [4, 5, 6, 7, 8]) await engine.sendAndDeliver(feedback(n, {}));

  expect(engine.rows().map(({ state }) => state)).toEqual(Array(8).fill('succeeded'));
  expect(engine.table.item('vendor#zendesk')?.stoppedAt).toBeUndefined();
  const without = ['text', 'customFields'].map((what) => ({ what, code: 'Forbidden' }));
  expect(engine.row(ID)).toMatchObject({ without });
  expect(zendesk.tickets).toHaveLength(8);
  expect(zendesk.tickets[0]).toMatchObject({ subject: 'Feedback', attachments: ['feedback.txt'] });
  expect(zendesk.tickets[0]?.description).toContain('without: text, customFields');
  const file = zendesk.requests.find(({ path }) => path.includes('uploads'))?.bytes;
  expect(new TextDecoder('utf-16le').decode(file)).toBe('The export is empty\n\n<script>é</script>\n\npath: <script>');
});

test.each([
  ['all calls', {}],
  ['all tickets', { method: 'POST' }],
])('a firewall that refuses %s opens the circuit at the second job', async (_what, calls) => {
  const { engine, zendesk } = await start();
  zendesk.fail({ ...FIREWALL, ...calls });
  for (const n of [1, 2, 3]) await engine.sendAndDeliver(feedbackBody({}, { id: jobId(n) }), { group: `g${n}` });

  expect(engine.rows().map(({ state }) => state)).toEqual(['dead', 'held', 'held']);
});
