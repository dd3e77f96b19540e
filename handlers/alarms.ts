import { alarmsHandler } from '../lib/alarms/handler';

export const handler = alarmsHandler();
