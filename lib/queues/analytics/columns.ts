/**
 * The columns of each event in Parquet: the type, whether each row has a value, and the field of a line. No column is a
 * keyword of SQL. A file of an older release has them too.
 */
export const EVENT_COLUMNS = {
  event_id: ['text', true, 'id'],
  event_name: ['text', true, 'name'],
  /** When it happened: the device's time, corrected by its clock's error if the event says when it was sent. */
  occurred_at: ['time', true, ''],
  device_time: ['time', true, 'time'],
  sent_at: ['time', false, 'sent'],
  /** When the producer took the event. */
  received_at: ['time', true, 'received'],
  user_id: ['text', false, 'user'],
  anonymous_id: ['text', false, 'anonymous'],
  session_id: ['text', false, 'session'],
  device: ['text', false, 'device'],
  app_version: ['text', false, 'app'],
  platform: ['text', false, 'platform'],
  schema_version: ['integer', false, 'schema'],
  /** JSON. */
  properties: ['text', false, 'properties'],
  job_id: ['text', true, 'job'],
  source: ['text', true, 'source'],
  message_group: ['text', false, 'group'],
  sequence_number: ['integer', false, 'sequence'],
  /** When the producer packed the event's message. Its hour is the partition. */
  packed_at: ['time', true, 'accepted'],
} as const;

export const PROPERTY_TYPES = ['text', 'number', 'boolean'] as const;
export type PropertyType = (typeof PROPERTY_TYPES)[number];
export type ColumnType = PropertyType | 'integer' | 'time';
