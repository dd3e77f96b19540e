/** The clocks of two functions may differ by this much: times that they write are compared with that in mind. */
export const CLOCK_SKEW_MS = 2_000;
