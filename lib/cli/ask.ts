import { createInterface } from 'node:readline';

/** Asks for a line. The question goes to `output`. Returns an empty text if the input ends without a line. */
export const askOn = (
  { input, output }: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream },
  question: string,
): Promise<string> =>
  new Promise((resolve) => {
    const prompt = createInterface({ input, output });
    prompt.once('close', () => resolve(''));
    prompt.question(question, (answer) => {
      resolve(answer);
      prompt.close();
    });
  });
