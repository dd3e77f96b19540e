import { reconcilerHandler } from '../lib/reconcile/handler';

export const handler = reconcilerHandler();
