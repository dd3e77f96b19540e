import { changeOf } from '../alarms/judge/change';
import { definitionOf } from '../alarms/judge/definition';
import { evaluateAlarm } from '../alarms/judge/evaluate';
import { alarmName } from '../alarms/kinds';
import { keptMinutes, tallied } from '../alarms/measurements';
import { type AlarmState, alarmState, type Incidents, noAlarms } from '../jobs/incidents';
import { incidentsKey, tallyKey } from '../jobs/keys';
import { readItem, updateItem } from '../jobs/ledger';
import { type AllSeries, added, minuteOf, recent, seriesOf } from '../jobs/tally';
import type { ReconcileDeps } from './deps';
import { MINUTE_MS, measureDepths } from './depths';
import { type Monitor, tell, whereIs } from './monitor';
import type { Noted } from './noted';

/** For how long a chat message may name what a run found behind an alarm. */
const BEHIND_MS = 15 * MINUTE_MS;

/**
 * Evaluates the alarms that CloudWatch does not, as CloudWatch would, and publishes each change to the alarm topic. It
 * stores what is behind the alarms first, because the message names it. It stores a change after it was published, so a
 * run that dies in between says it twice. Returns how many changes it could not publish; the next run tries again.
 */
export async function judgeAlarms(deps: ReconcileDeps, monitor: Monitor, noted: Noted): Promise<number> {
  const now = deps.clock.now();
  const judges = monitor.judged.length > 0;
  const found = noted.all().length > 0;
  if (!judges && !found) return 0;
  const known = await alarmState(deps);
  const behind = { ...lately(known.behind, now), ...behindOf(monitor, noted, now) };
  const keep = ({ ringing, gauges, stuckSince, minute }: Omit<AlarmState, 'behind'>) =>
    updateItem<Incidents>(deps, incidentsKey, (stored) => ({
      ...{ key: incidentsKey, version: stored?.version ?? 0, writer: '' },
      ...{ behind, ringing, gauges, stuckSince, minute },
    }));
  if (found) await keep(judges ? known : noAlarms());
  if (!judges) return 0;
  const judged = await judge(deps, monitor, known);
  await keep(judged);
  return judged.untold;
}

type Judged = Omit<AlarmState, 'behind'> & { untold: number };

async function judge(deps: ReconcileDeps, monitor: Monitor, known: AlarmState): Promise<Judged> {
  const now = deps.clock.now();
  const tallies = await talliesOf(deps, monitor);
  const { gauges: fresh, stuckSince } = await measureDepths(deps, { instance: monitor.instance, tallies, known });
  const minute = minuteOf(now);
  const gauges = added(
    recent(known.gauges, (measurement) => minute - keptMinutes(0)(measurement)),
    fresh,
  );
  // The minute that has begun counts as a whole, because its gauges are known.
  const end = (minute + 1) * MINUTE_MS;
  const store = tallied([...tallies, gauges]);
  const ringing: AlarmState['ringing'] = {};
  let untold = 0;
  for (const spec of monitor.judged) {
    const alarm = definitionOf(spec, monitor);
    const since = known.ringing[alarm.name];
    const before = since === undefined ? 'OK' : 'ALARM';
    const evaluation = evaluateAlarm(alarm, { store, now: end, before });
    let state = before;
    if (evaluation.state !== before)
      try {
        await tell(monitor, changeOf(alarm, evaluation, { before, at: now, ...whereIs(monitor) }));
        state = evaluation.state === 'ALARM' ? 'ALARM' : 'OK';
      } catch {
        untold++;
      }
    if (state === 'ALARM') ringing[alarm.name] = since ?? now;
  }
  return { ringing, gauges, stuckSince, minute, untold };
}

async function talliesOf(deps: ReconcileDeps, { functions }: Monitor): Promise<AllSeries[]> {
  const items = await Promise.all(functions.map((name) => readItem(deps, tallyKey(name))));
  return items.map(seriesOf);
}

const lately = (behind: AlarmState['behind'], now: number): AlarmState['behind'] =>
  Object.fromEntries(Object.entries(behind).filter(([, { at }]) => now - at < BEHIND_MS));

const behindOf = ({ instance }: Monitor, noted: Noted, at: number): AlarmState['behind'] =>
  Object.fromEntries(
    noted.all().map(({ kind, subject, behind }) => [alarmName(instance, kind, subject), { ...behind, at }]),
  );
