import type { LocalTools } from '../deps';
import { tellDone, useSend } from './api';
import { Answer, Card, Failure, Title } from './parts';

export function LocalPage() {
  const { send, failure } = useSend();
  const breaks = (body: { vendor: string; how?: string }) => send('local/break', body, () => tellDone(''));
  return (
    <>
      <Title
        text="Fake vendors"
        about="On this machine only. A click breaks a vendor, and the same click repairs it."
      />
      <Answer
        path="local"
        everyMs={2_000}
        show={(page: ReturnType<LocalTools['page']>) => (
          <div class="columns">
            <Failure error={failure} />
            {page.vendors.map(({ name: vendor, breaks: on, fails }) => (
              <Card
                key={vendor}
                title={vendor}
                note={
                  <a class="push quiet" href={`/fakes/${vendor}`}>
                    What it has taken
                  </a>
                }
              >
                <div class="body row">
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
              </Card>
            ))}
          </div>
        )}
      />
    </>
  );
}
