import { named } from '../queues/queues';
import { backlogPlan } from './backlog';
import { CAMPAIGN_PLANS, MAILS_PLANS, WAVE_PLANS } from './campaigns';
import { HOURS_PLANS } from './hours';
import { SAMPLE_PLANS } from './sample-plans';
import type { ScalePlan } from './service';
import { manyStarts } from './starts';

/** All scale plans. Add a new one here. */
export const SCALE_PLANS: readonly ScalePlan[] = [
  ...[...CAMPAIGN_PLANS, ...MAILS_PLANS, ...WAVE_PLANS, ...SAMPLE_PLANS, manyStarts, backlogPlan, ...HOURS_PLANS],
];

export const scalePlanNamed = (name: string): ScalePlan => named(SCALE_PLANS, name);
