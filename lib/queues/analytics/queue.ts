/** What the rest of the service knows about this queue (lib/queues/queues.ts). All names are stored: never change one. */

export const ANALYTICS_QUEUE = 'analytics';

/** The lease of who writes the hours. */
export const hoursKey = 'lease#hours';

/** Most of its jobs have no row, so the ends of the others are not published. */
export const ANALYTICS_FACTS = { vendors: [], isPublished: false } as const;
