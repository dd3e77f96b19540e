import type { QueueContract } from '../../../lib/engine/worker/contract';
import { createCommands } from '../../../lib/queues/testflight/commands';
import { TESTFLIGHT_INVITE } from '../../../lib/queues/testflight/message';
import { testflightContract } from '../../../lib/queues/testflight/process';
import { TESTFLIGHT_QUEUE } from '../../../lib/queues/testflight/queue';
import { createProducer } from '../../../packages/producer/client';
import { hashPeople } from '../../support/hash-people';
import { fifoSettings } from '../../support/queue-pair';
import { FOREIGN, type JobKind, type JobSpec, mailWaitOf } from '../draw/plan';
import { appleOf, SETTLE_AFTER_MS } from '../vendors/apple';
import { rateOf, sendgridOf } from '../vendors/sendgrid';
import { APPS, FORBIDDEN_TESTER, invited, leaver, NO_TESTER } from '../vendors/vendors';
import type { Process } from '../world/calls';
import type { Ports, SimulatedQueue, World } from '../world/types';
import { MARK } from '../world/watch';

/** The group decides the app. A mail about a build needs an app that has one. */
const appOf = ({ kind, group }: JobSpec) => APPS[kind === 'build' ? group % 2 : group % APPS.length] ?? APPS[0];

const shared = () => `${MARK}-shared@example.com`;
const ADDRESSES: Partial<Record<JobKind, (index: number) => string>> = {
  ...{ refused: () => NO_TESTER, forbidden: () => FORBIDDEN_TESTER },
  ...{ removal: leaver, resend: invited, joins: shared, leaves: shared },
};
const addressOf = ({ kind }: JobSpec, index: number): string =>
  ADDRESSES[kind]?.(index) ?? `${MARK}-${index}@example.com`;

const invitation = (spec: JobSpec, index: number) => ({
  app: appOf(spec).id,
  email: addressOf(spec, index),
  firstName: `${MARK} ${spec.kind}`,
  lastName: `${MARK} name`,
  groups: joinedGroups(spec, index),
  ...(spec.kind === 'resend' || spec.kind === 'resend-new' ? { resend: true } : {}),
  ...(index % 2 === 0
    ? { notification: { appName: `${MARK} app`, message: `${MARK} message`, url: `https://example.com/${MARK}` } }
    : {}),
});

const removal = (spec: JobSpec, index: number) => {
  const of = { app: appOf(spec).id, email: addressOf(spec, index) };
  return leavesApp(index)
    ? { ...of, from: 'app' as const }
    : { ...of, from: 'groups' as const, groups: leftGroups(spec, index) };
};
const leavesApp = (index: number): boolean => index % 2 === 0;
const leftGroups = (spec: JobSpec, index: number): string[] =>
  spec.kind === 'leaves' ? someGroups(spec, index + 1) : appOf(spec).groups.slice(0, 1);
const joinedGroups = (spec: JobSpec, index: number): string[] =>
  spec.kind === 'joins' ? someGroups(spec, index) : appOf(spec).groups;
const someGroups = (spec: JobSpec, index: number): string[] =>
  [appOf(spec).groups, appOf(spec).groups.slice(0, 1), appOf(spec).groups.slice(1)][index % 3] ?? [];
const removes = ({ kind }: JobSpec): boolean => kind === 'removal' || kind === 'leaves';

/** The contract. Each job has its own way to Apple, so that effects are recorded per job. */
function contract(world: World, process: Process, ports: Ports): QueueContract {
  const made = (job: string) =>
    testflightContract({
      appStoreConnect: appleOf(world, process, job),
      sendgrid: sendgridOf(world, process),
      rate: rateOf(world, process, { ports }),
      clock: ports.clock,
      commands: createCommands({ ...ports, hashPeople, settleAfterMs: SETTLE_AFTER_MS }),
      config: {
        ...{ apps: [], from: { email: 'support@example.com' }, brand: 'Example' },
        notificationWaitMs: mailWaitOf(world.plan),
      },
    });
  const whole = made('');
  const types = Object.entries(whole.types).map(([name, type]) => {
    const process: typeof type.process = (job, context) =>
      made(job.id).types[name]?.process(job, context) ?? Promise.resolve();
    return [name, { ...type, process }];
  });
  return { ...whole, types: Object.fromEntries(types) };
}

export const testflight: SimulatedQueue = {
  name: TESTFLIGHT_QUEUE,
  settings: { ...fifoSettings, visibility: 300 },
  functionTimeoutMs: 45_000,
  batches: [1],
  kinds: [
    ...(['good', 'removal', 'resend', 'build', 'joins', 'leaves', 'kills-before', 'kills-after'] as const),
    ...(['resend-new', 'refused', 'forbidden', ...FOREIGN] as const),
  ],
  type: TESTFLIGHT_INVITE,
  contract,
  data: invitation,
  group: (spec) => appOf(spec).id,
  submit: (deps, { spec, index, ...options }) => {
    const { id: app, builds } = appOf(spec);
    const own = { ...options, system: true } as const;
    if (removes(spec)) return createProducer(deps).removeTester(removal(spec, index), own);
    if (spec.kind === 'build') return createProducer(deps).notifyBuild({ app, build: builds[0] ?? '' }, own);
    return createProducer(deps).invite(invitation(spec, index), own);
  },
  wanted: (spec, index) => {
    if (spec.kind !== 'joins' && spec.kind !== 'leaves') return undefined;
    const of = { app: appOf(spec).id, email: addressOf(spec, index) };
    if (spec.kind === 'joins') return { ...of, member: true, groups: joinedGroups(spec, index) };
    return { ...of, member: false, ...(leavesApp(index) ? {} : { groups: leftGroups(spec, index) }) };
  },
  provenBy: { invitation: 'invitation', notification: 'build mail' },
  wrong: ({ vendors: { apple }, watch }, id, spec, index) => {
    if (spec.kind === 'build')
      return watch.happened('build mail', id) ? undefined : 'no tester got a mail about the build';
    // Other jobs are about the same tester, see later-wins.ts.
    if (testflight.wanted?.(spec, index)) return undefined;
    const app = appOf(spec);
    const address = addressOf(spec, index);
    const tester = apple.testers.find(({ app: of, email }) => of === app.id && email === address);
    if (spec.kind === 'removal') {
      const isIn = leavesApp(index) ? tester !== undefined : tester?.groups.includes(leftGroups(spec, index)[0] ?? '');
      return isIn ? 'the tester is still there' : undefined;
    }
    if (tester?.groups.length !== app.groups.length) return 'the tester is not in the groups';
    const mailed =
      spec.kind === 'resend'
        ? watch.happened('invitation', id)
        : apple.mails.some(({ app: of, email }) => of === app.id && email === address);
    return app.builds.length > 0 && !mailed ? 'no invitation was sent' : undefined;
  },
};
