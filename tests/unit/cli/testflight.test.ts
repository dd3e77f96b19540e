import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreError } from '../../../lib/errors';
import { OperatorError } from '../../../lib/ops/operator';
import { commands } from '../../../packages/cli/commands';
import { contextOf, recordingOutput } from '../../support/operator';
import { APP, GROUP, OTHER_GROUP, startTestflight } from '../../support/testflight';

let service: Awaited<ReturnType<typeof startTestflight>>;
let directory: string;
let failing = false;
beforeEach(async () => {
  failing = false;
  service = await startTestflight({
    before: (call) => {
      if (failing && call === 'queues.send') throw new StoreError({ code: 'SQS.Down', message: 'SQS is down' });
    },
  });
  directory = mkdtempSync(join(tmpdir(), 'testers-'));
});
afterEach(async () => {
  rmSync(directory, { recursive: true });
  await service.close();
});

/** Runs the command on a file with this text. Returns its output and its error. */
async function invite(text: string, options: Record<string, string | boolean> = {}) {
  const file = join(directory, 'testers.csv');
  writeFileSync(file, text);
  const { out, recorded } = recordingOutput();
  const ended = commands['testflight invite'].run(
    contextOf(service.engine.deps, { app: APP, group: GROUP, file, ...options }, out),
  );
  const error: unknown = await ended.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { ...recorded, error: error as Error | undefined };
}

const json = async (text: string, options: Record<string, string> = {}) =>
  (await invite(text, { ...options, json: true })).json;

const queued = () => service.engine.rows().map(({ group, type, state, source }) => ({ group, type, state, source }));

test('queues a job for each row, shows its progress, and counts the invitations', async () => {
  const text =
    '\ufeffemail,firstName,lastName\r\na@example.com,A,One\r\nb@example.com,,\r\n\r\n"c@example.com","C, D",Three\r\n';

  const { lines, progress } = await invite(text);

  expect(lines).toEqual(['3 invitations queued, 0 already queued.']);
  expect(progress).toEqual([1, 2, 3].map((done) => [done, 3]));
  expect(queued()).toEqual(
    Array(3).fill({ group: APP, type: 'testflight.invite.v1', state: 'queued', source: '/sls/testflight-invite' }),
  );
  await service.engine.drain({ batch: 1 });
  expect(service.apple.testers).toMatchObject([
    { email: 'a@example.com', firstName: 'A', lastName: 'One', groups: [GROUP] },
    { email: 'b@example.com' },
    { email: 'c@example.com', firstName: 'C, D' },
  ]);
});

test('a repeated address is queued once, also with another name or in other letters, and again only for other groups', async () => {
  const twice = 'email,firstName\na@example.com,A\nA@Example.com,Other\n';

  expect(await json(twice)).toEqual({ queued: 1, before: 1, refused: [] });
  expect(await json(twice, { group: `${OTHER_GROUP},${GROUP}` })).toEqual({ queued: 1, before: 1, refused: [] });
  expect(await json(twice, { group: `${GROUP},${OTHER_GROUP}` })).toEqual({ queued: 0, before: 2, refused: [] });
});

test('invalid rows are reported by line and without their content, and the other rows are queued', async () => {
  const text = ['email,firstName', 'planted,A', 'a@example.com,"A', 'b@example.com', 'c@example.com,C', ''].join('\n');

  const { error, notes, lines } = await invite(text);

  expect(error).toBeInstanceOf(OperatorError);
  expect(error?.message).toBe('3 lines not queued.');
  expect(lines).toEqual(['1 invitation queued, 0 already queued.']);
  expect(notes).toEqual([
    'line 2: email: must be a valid email',
    'line 3: a quote of the row is in a wrong place or missing',
    'line 4: the row must have 2 values like the header, has 1',
  ]);
  expect(queued()).toHaveLength(1);
});

test('a header without email is refused before any row is queued', async () => {
  const { error } = await invite('name\na@example.com\n');

  expect(error).toBeInstanceOf(OperatorError);
  expect(error?.message).toContain('must have a column email');
  expect(queued()).toEqual([]);
});

test.each([
  ['nothing.csv', 'ENOENT'],
  ['a\0b', 'ERR_INVALID_ARG_VALUE'],
])('a file name that the system refuses is named in the error', async (file, code) => {
  const { error } = await invite('', { file });

  expect(error?.message).toBe(`${file}: cannot be read (${code}).`);
});

test('an invalid app or group is reported for every row', async () => {
  const { notes } = await invite('email\na@example.com\nb@example.com\n', { app: 'My App', group: 'Testers' });

  const rules = "app: must be Apple's id of an app, digits; groups.0: must be Apple's id of a group, a UUID";
  expect(notes).toEqual([2, 3].map((line) => `line ${line}: ${rules}`));
  expect(queued()).toEqual([]);
});

test('rows that could not be sent are sent when the command runs again', async () => {
  failing = true;
  const { error, notes } = await invite('email\na@example.com\n');
  failing = false;

  const again = await invite('email\na@example.com\n');

  expect(error?.message).toBe('1 line not queued.');
  expect(notes).toEqual(['line 2: SQS is down. Run the command again']);
  expect(again.error).toBeUndefined();
  await service.engine.drain({ batch: 1 });
  expect(service.apple.mails).toHaveLength(1);
});
