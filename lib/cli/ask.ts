import { createInterface } from 'node:readline';

/** Asks for a line. The question goes to `output`. An input that ends without a line answers an empty text. */
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
