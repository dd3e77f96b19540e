import { CAMPAIGN_PLANS, MAILS_PLANS } from './campaigns';
import { HOURS_PLANS } from './hours';
import { SAMPLE_PLANS } from './sample-plans';
import type { ScalePlan } from './service';
import { manyStarts } from './starts';

/** All scale plans. Add a new one here. */
export const SCALE_PLANS: readonly ScalePlan[] = [
  ...[...CAMPAIGN_PLANS, ...MAILS_PLANS, ...SAMPLE_PLANS, manyStarts, ...HOURS_PLANS],
];

export function scalePlanNamed(name: string): ScalePlan {
  const found = SCALE_PLANS.find((plan) => plan.name === name);
  if (!found) throw new Error(`there is no scale plan ${name}`);
  return found;
}
