/** An emulated AWS service on a loopback port. */
export interface Emulator {
  url: string;
  close(): Promise<void>;
}

/** The SDK signs every request, but no emulator checks the signature. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };
