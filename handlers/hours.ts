import { hoursHandler } from '../lib/startup/hours';

export const handler = hoursHandler();
