import type { Server } from 'node:http';

export function guarded<S extends Server>(server: S): S;
