import { reconcilerHandler } from '../lib/startup/reconciler';

export const handler = reconcilerHandler();
