import type { Bundle } from './host';

export const revision: Bundle['revision'];
export const kinds: Bundle['kinds'];
export const open: Bundle['open'];
