/**
 * How long tests wait before they give up, in ms: minutes for what takes seconds, so that a busy machine fails none. Jest's
 * own limit is longer. So the one who waits still says what it saw last.
 */
exports.PATIENCE_MS = 600_000;
