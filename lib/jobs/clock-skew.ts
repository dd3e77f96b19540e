/** The clocks of two functions may differ by this much. Comparisons of their times allow for it. */
export const CLOCK_SKEW_MS = 2_000;
