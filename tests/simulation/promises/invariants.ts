import type { Input } from '../world/callers';
import type { World } from '../world/world';
import { auditAgrees } from './audit-agrees';
import { campaignsAreExact } from './campaigns-are-exact';
import { endsAreDeserved } from './ends-are-deserved';
import { noBystanders } from './no-bystanders';
import { deadLettersAgree, nothingLost, recordsAgree, redrivesTakeEffect } from './nothing-lost';
import { nothingPrivate } from './nothing-private';
import { orderIsKept } from './order-is-kept';
import type { Promised } from './promise';

/**
 * The promises that are looked at when a run has come to rest. Those that can be broken at any moment (an effect twice,
 * a record before its end, something private said) are watched all along, in watch.ts; liveness is in liveness.ts.
 */
const PROMISES: readonly Promised[] = [
  nothingLost,
  recordsAgree,
  deadLettersAgree,
  auditAgrees,
  redrivesTakeEffect,
  endsAreDeserved,
  orderIsKept,
  noBystanders,
  campaignsAreExact,
  nothingPrivate,
];

/** The first promise that is broken to one of the queues, in a sentence. */
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
