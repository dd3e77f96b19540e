import { CAMPAIGN_PLANS } from './campaigns';
import { innocentAmongGuilty, othersGoOn, trialOfWaiting } from './circuit';
import { dlqByChance } from './dlq-by-chance';
import { failingRows } from './failing';
import { hours } from './hours';
import { largeDlq } from './large-dlq';
import { MAILS_PLANS } from './mails';
import { neverEmpty } from './never-empty';
import { oneGroup } from './one-group';
import { limitedRecovery, unlimitedRecovery } from './outage';
import type { ScalePlan } from './plan';
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
