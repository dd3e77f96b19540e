/** A service of AWS on a loopback port. */
export interface Emulator {
  url: string;
  close(): Promise<void>;
}

/** The SDK signs every request; nothing here looks at the signature. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };
