import { hashesWith } from '../../lib/engine/jobs/person-hash';

export const HASH_KEY = 'local-hash-key-of-at-least-32-characters';

export const hashed = hashesWith([HASH_KEY]);

export const hashPeople = async () => hashed;
