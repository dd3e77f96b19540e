import type { Input } from '../world/callers';
import type { World } from '../world/types';
import { campaignsAreExact } from './campaigns-are-exact';
import { countsAgree } from './counts-agree';
import { endsAreDeserved } from './ends-are-deserved';
import { endsArePublished } from './ends-are-published';
import { evidenceCounts } from './evidence-counts';
import { groupsAreFair } from './groups-are-fair';
import { guardIsExact } from './guard-is-just';
import { laterWins } from './later-wins';
import { noBystanders } from './no-bystanders';
import { damagedJobsWait, deadLettersAgree, nothingLost, recordsAgree } from './nothing-lost';
import { nothingPrivate } from './nothing-private';
import { orderIsKept } from './order-is-kept';
import type { Promised } from './promise';
import { refusalsAreCounted } from './refusals-are-counted';
import { verifierAgrees } from './verifier-agrees';

/**
 * The promises that are checked when a run is at rest. watch.ts checks those that can break at any moment: an effect
 * twice, a record before its end, private data shown. liveness.ts checks that the run comes to rest.
 */
const PROMISES: readonly Promised[] = [
  nothingLost,
  recordsAgree,
  deadLettersAgree,
  damagedJobsWait,
  endsAreDeserved,
  endsArePublished,
  evidenceCounts,
  orderIsKept,
  laterWins,
  noBystanders,
  campaignsAreExact,
  countsAgree,
  groupsAreFair,
  guardIsExact,
  nothingPrivate,
  refusalsAreCounted,
  verifierAgrees,
];

export async function brokenPromise(
  { lanes }: World,
  inputs: readonly (readonly Input[])[],
): Promise<string | undefined> {
  for (const [index, lane] of lanes.entries())
    for (const promised of PROMISES) {
      const broken = await promised(lane, inputs[index] ?? []);
      if (broken) return broken;
    }
  return undefined;
}
