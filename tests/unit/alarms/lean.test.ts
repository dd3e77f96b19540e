import type { AlarmDeps } from '../../../lib/alarms/deps';
import { type AlarmKind, KINDS } from '../../../lib/alarms/kinds';
import { isLeanMetric, JUDGED_MINUTES } from '../../../lib/alarms/measurements';
import { notify } from '../../../lib/alarms/notify';
import type { AlarmSpec } from '../../../lib/alarms/specs/spec';
import { checkMessage } from '../../../lib/local/fakes/discord-rules';
import type { DiscordMessage } from '../../../lib/vendors/discord';
import { snsMessage } from '../../support/alarms';
import {
  FULL,
  fullWorld,
  LEAN,
  leanWorld,
  lookedBack,
  type Published,
  WATCHED,
  type World,
} from '../../support/lean-world';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

type Values = Record<string, number | undefined>;

/** Metric values that set off an alarm. A kind that is missing here has one metric, which does at the threshold. */
const BAD: Partial<Record<AlarmKind, (spec: AlarmSpec) => Values>> = {
  'dlq-depth': ({ threshold }) => ({ visible: threshold - 1, inFlight: 1 }),
  stalled: () => ({ age: 1_000_000, visible: 1, deleted: undefined }),
  'error-rate': () => ({ succeeded: 980, parked: 20 }),
  reconciler: () => ({ runs: undefined }),
  canary: () => ({ done: 0 }),
};
const GOOD: Partial<Record<AlarmKind, Values>> = {
  'dlq-depth': { visible: 0, inFlight: 0 },
  stalled: { age: 1_000_000, visible: 1, deleted: 1 },
  'error-rate': { succeeded: 9990, parked: 10 },
  reconciler: { runs: 1 },
  canary: { done: 1 },
};
const bad = (spec: AlarmSpec): Values =>
  BAD[spec.kind]?.(spec) ?? Object.fromEntries(Object.keys(spec.metrics).map((id) => [id, spec.threshold]));
const good = (spec: AlarmSpec): Values =>
  GOOD[spec.kind] ?? Object.fromEntries(Object.keys(spec.metrics).map((id) => [id, 0]));

/** Today's kinds of alarms, each with its first alarm. */
const CASES = (Object.keys(KINDS) as AlarmKind[])
  .filter((kind) => kind !== 'incidents')
  .map((kind) => [kind, FULL.find((spec) => spec.kind === kind) as AlarmSpec] as const);

const same = (spec: AlarmSpec) => (other: AlarmSpec) => other.kind === spec.kind && other.subject === spec.subject;

/** What watches an alarm with lean monitoring: CloudWatch for what AWS measures, or the reconciler. */
function leanly(spec: AlarmSpec): World {
  const judged = LEAN.judged.find(same(spec));
  return judged ? leanWorld(judged, spec) : fullWorld(LEAN.ofAws.find(same(spec)) as AlarmSpec);
}

/** Good minutes, bad ones, and good ones again. */
async function driven(world: World, spec: AlarmSpec): Promise<Published[]> {
  const minutes = ((spec.period / 60) * (spec.periods ?? 1)) | 0;
  for (const values of [good(spec), bad(spec), good(spec)])
    for (let minute = 0; minute < minutes; minute++) await world.minute(values);
  return world.published;
}

/** The messages that the chat gets. */
async function told(published: Published[]): Promise<DiscordMessage[]> {
  const messages: DiscordMessage[] = [];
  const log = () => {};
  const deps: AlarmDeps = {
    ...{ instance: 'acme', stage: 'prod', region: 'eu-central-1', undeliveredUrl: '' },
    queues: WATCHED.rows.map(({ name }) => name),
    ...{ clock: memoryClock(), random: memoryRandom(), table: memoryTable() },
    discord: { send: async (message) => void messages.push(message) },
    undelivered: { send: () => Promise.reject(new Error('an alarm was not delivered')) },
    log: { info: log, warn: log, error: log },
  };
  for (const { change } of published) await notify(deps, snsMessage(change), { remainingMs: () => 30_000 });
  return messages;
}

test.each(CASES)('%s is told with lean monitoring as with full, at most two minutes later', async (kind, spec) => {
  const [full, lean] = [await driven(fullWorld(spec), spec), await driven(leanly(spec), spec)];
  const rings = (published: Published[]) => published.map(({ change }) => change.NewStateValue);
  const messages = await told(lean);
  const [alarm, over] = messages.map(({ embeds }) => embeds[0]);
  const { title, means, look, next } = KINDS[kind];
  const value = (text: string) => text.replaceAll('{}', spec.subject ?? '');

  expect([rings(full), rings(lean)]).toEqual([
    ['ALARM', 'OK'],
    ['ALARM', 'OK'],
  ]);
  expect((lean[0]?.at ?? Number.NaN) - (full[0]?.at ?? 0)).toBeLessThanOrEqual(120_000);
  expect(messages.map((message) => 'message' in checkMessage(message))).toEqual([true, true]);
  expect(alarm?.title).toBe(`🔴 ${['acme', spec.subject].filter(Boolean).join(' · ')}: ${title}`);
  expect(alarm?.description).toContain(means);
  expect(JSON.stringify(alarm)).toContain(`npx sls ${value(look)} `);
  expect(JSON.stringify(alarm)).toContain(`npx sls ${value(next)} `);
  expect(over?.description).toMatch(/^Recovered\. It lasted /);
  // Value and threshold do not depend on who evaluated the alarm.
  const [ofFull] = (await told(full)).map(({ embeds }) => embeds[0]);
  const valueIn = (embed: typeof alarm) => embed?.fields?.find(({ name }) => name === 'Value')?.value;
  expect(valueIn(alarm)).toBe(valueIn(ofFull));
});

test('lean monitoring has at most 25 alarm metrics and 14 metrics of its own', () => {
  const metrics = LEAN.ofAws.flatMap((spec) => Object.values(spec.metrics));
  const names = ['JobsSucceeded', 'JobsParked', 'TimeToFinish', 'JobsHeld', 'VendorTime', 'OldestHeld'];
  const billed = [
    ...WATCHED.rows.flatMap(({ name: queue }) => names.filter((name) => isLeanMetric(name, { queue }))),
    ...['ReconcilerRuns', 'IncidentsUntold', 'ReconcilerFailures'].filter((name) => isLeanMetric(name, {})),
    ...['JobsParked'].filter((name) => isLeanMetric(name, { queue: 'feedback', class: 'permanent' })),
    ...['VendorTime'].filter((name) => isLeanMetric(name, { vendor: 'zendesk' })),
  ];

  expect(metrics.length).toBeLessThanOrEqual(25);
  expect(billed).toHaveLength(14);
});

test('every alarm of full monitoring is evaluated with lean monitoring, by CloudWatch or by the reconciler', () => {
  const names = (specs: AlarmSpec[]) => specs.map(({ kind, subject = '' }) => `${subject} ${kind}`);

  expect(names([...LEAN.ofAws, ...LEAN.judged]).sort()).toEqual([...names(FULL), ' incidents'].sort());
  expect(LEAN.ofAws.filter(({ kind }) => kind !== 'incidents')).toEqual(
    FULL.filter((spec) => LEAN.ofAws.some(same(spec))),
  );
});

test('tallies keep each measurement for as long as an alarm looks back at it', () => {
  expect(JUDGED_MINUTES).toEqual(lookedBack());
});
