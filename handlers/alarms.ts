import { alarmsHandler } from '../lib/startup/alarms';

export const handler = alarmsHandler();
