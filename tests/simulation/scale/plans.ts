import { CAMPAIGN_PLANS, MAILS_PLANS } from './campaigns';
import { hours, hoursErased } from './hours';
import * as samplePlans from './sample-plans';
import type { ScalePlan } from './service';
import { manyStarts } from './starts';

/** All scale plans. Add a new one here. */
export const SCALE_PLANS: readonly ScalePlan[] = [
  ...[...CAMPAIGN_PLANS, ...MAILS_PLANS, manyStarts, hours, hoursErased],
  ...Object.values(samplePlans),
];

export function scalePlanNamed(name: string): ScalePlan {
  const found = SCALE_PLANS.find((plan) => plan.name === name);
  if (!found) throw new Error(`there is no scale plan ${name}`);
  return found;
}
