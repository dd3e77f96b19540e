import type { LocalTools } from '../deps';
import { Answer, Failure, tellDone, useSend } from './parts';

export function LocalPage() {
  const { send, failure } = useSend();
  const breaks = (body: { vendor: string; how?: string }) => send('local/break', body, () => tellDone(''));
  return (
    <Answer path="local" everyMs={2_000}>
      {(page: ReturnType<LocalTools['page']>) => (
        <>
          <Failure error={failure} />
          {page.vendors.map(({ name: vendor, breaks: on, fails }) => (
            <section key={vendor} aria-label={vendor}>
              <h2>{vendor}</h2>
              <div class="row">
                {page.breaks.map((how) => (
                  <button
                    type="button"
                    key={how}
                    aria-pressed={on.includes(how)}
                    onClick={() => breaks({ vendor, how })}
                  >
                    {how}
                  </button>
                ))}
                <button type="button" disabled={!fails} onClick={() => breaks({ vendor })}>
                  Recover
                </button>
              </div>
              <a href={`/fakes/${vendor}`}>What it has taken</a>
            </section>
          ))}
        </>
      )}
    </Answer>
  );
}
