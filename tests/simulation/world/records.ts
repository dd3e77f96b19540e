/** Whether an S3 key is that of a job's record. Other objects are in other folders. */
export const isRecord = (key: string): boolean => /^jobs\/[^_/][^/]*\/year=.*\.json$/.test(key);
