import { PLACES, type Place, type PlaceName } from '../../lib/operate/ops/places';

const PLACE_NAMES = Object.keys(PLACES) as PlaceName[];

/** The place of an object. `undefined`: no place has it. */
export const placeOfKey = (key: string, prefix: string, queues: readonly string[]): PlaceName | undefined =>
  PLACE_NAMES.find((name) =>
    (PLACES[name] as Place).folders?.(prefix, queues).some((folder) => key.startsWith(folder)),
  );

export const placeOfItem = (key: string, queues: readonly string[]): PlaceName | undefined =>
  PLACE_NAMES.find((name) => (PLACES[name] as Place).items?.(queues).some((start) => key.startsWith(start)));
