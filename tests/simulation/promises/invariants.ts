import { placeOfItem } from '../../support/places';
import type { Input } from '../world/callers';
import { serviceQueue } from '../world/names';
import type { World } from '../world/types';
import { MARK } from '../world/watch';
import { campaignsAreExact } from './campaigns-are-exact';
import { endsAreDeserved } from './ends-are-deserved';
import { countsAgree } from './figures';
import { guardIsExact, listIsFull } from './guard-is-just';
import { laterWins } from './later-wins';
import { mailsAreSent } from './mails-are-sent';
import { groupsAreFair, noBystanders } from './no-bystanders';
import { damagedJobsWait, endsArePublished, evidenceCounts, nothingLost, recordsHaveRows } from './nothing-lost';
import { orderIsKept } from './order-is-kept';
import { refusalsAreCounted } from './refusals-are-counted';
import type { Promised } from './rest';
import { verifierAgrees } from './verifier-agrees';

/** Items that are about no person. */
const IMPERSONAL = /^(canary|rate|lease|returns|trial)#/;

/**
 * Private data of a step may stay in the field `kept`. Operators see all other fields of a row. All other items of jobs
 * are in the table of places, which says what each may hold.
 */
const nothingPrivate: Promised = (world) => {
  for (const row of world.watch.rows())
    if (JSON.stringify(row).includes(MARK) && JSON.stringify(row, withoutKept).includes(MARK))
      return `everything private stays in: the row of ${row.id} shows it`;
  const queues = world.lanes.map(serviceQueue);
  const hasPlace = (key: string) =>
    !key.includes('#') || IMPERSONAL.test(key) || placeOfItem(key, queues) !== undefined;
  const other = [...world.watch.items.keys()].find((key) => !hasPlace(key));
  return other && `everything private stays in: no place has ${other}`;
};

const withoutKept = (name: string, value: unknown): unknown => (name === 'kept' ? undefined : value);

/**
 * The promises that are checked when a run is at rest. watch.ts checks those that can break at any moment: an effect
 * twice, a record before its end, private data shown. liveness.ts checks that the run comes to rest.
 */
const PROMISES: readonly Promised[] = [
  nothingLost,
  recordsHaveRows,
  damagedJobsWait,
  endsAreDeserved,
  endsArePublished,
  evidenceCounts,
  orderIsKept,
  laterWins,
  mailsAreSent,
  noBystanders,
  campaignsAreExact,
  countsAgree,
  groupsAreFair,
  guardIsExact,
  listIsFull,
  nothingPrivate,
  refusalsAreCounted,
  verifierAgrees,
];

export async function brokenPromise({ lanes }: World, inputs: readonly Input[][]): Promise<string | undefined> {
  for (const [index, lane] of lanes.entries())
    for (const promised of PROMISES) {
      const broken = await promised(lane, inputs[index] ?? []);
      if (broken) return broken;
    }
  return undefined;
}
