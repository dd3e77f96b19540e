/** What standard output and error get while `act` runs. */
export function printed(act: () => void): string {
  const texts: string[] = [];
  const spies = [process.stdout, process.stderr].map((stream) =>
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      texts.push(String(text));
      return true;
    }),
  );
  act();
  for (const spy of spies) spy.mockRestore();
  return texts.join('');
}
