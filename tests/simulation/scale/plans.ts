import { CAMPAIGN_PLANS, MAILS_PLANS } from './campaigns';
import { innocentAmongGuilty, othersGoOn, trialOfWaiting } from './circuit';
import { dlqByChance, largeDlq } from './dead-letters';
import { failingRows, limitedRecovery, neverEmpty, unlimitedRecovery } from './held';
import { hours, hoursErased } from './hours';
import { oneGroup } from './one-group';
import type { ScalePlan } from './service';
import { manyStarts } from './starts';

/** All scale plans. Add a new one here. */
export const SCALE_PLANS: readonly ScalePlan[] = [
  ...CAMPAIGN_PLANS,
  ...MAILS_PLANS,
  manyStarts,
  trialOfWaiting,
  innocentAmongGuilty,
  othersGoOn,
  largeDlq,
  dlqByChance,
  hours,
  hoursErased,
  limitedRecovery,
  unlimitedRecovery,
  failingRows,
  neverEmpty,
  oneGroup,
];

export function scalePlanNamed(name: string): ScalePlan {
  const found = SCALE_PLANS.find((plan) => plan.name === name);
  if (!found) throw new Error(`there is no scale plan ${name}`);
  return found;
}
