let known = props.value;
let waiting = 0;

// Another feed asks for the run that is shown.
function plan() {
  element.toggleAttribute('data-shown-run', Boolean(known?.name));
  if (known?.name) element.dataset.shownRun = known.name;
  if (known?.name) happened('run', { run: known.name, own: known.alive && known.mine });
  clearTimeout(waiting);
  if (known?.again) waiting = setTimeout(ask, 1000 * known.again);
}

async function ask() {
  if (document.hidden || !element.isConnected) return;
  const asked = known;
  const run = document.querySelector('[data-shown-run]')?.dataset.shownRun ?? '';
  const listed = document.querySelector('[data-listed]')?.dataset.listed ?? '';
  try {
    const news = await server.look({ known, run, listed, tokens: window.dcVisitor ?? null });
    if (news && known === asked) take(news);
  } catch {} // The server is gone for a moment, as when it is started anew.
  plan();
}

function take(news) {
  known = news.known ?? known;
  for (const [id, value] of Object.entries(news.parts)) {
    // What is not there, in a tab that was never opened, asks for the whole when it comes.
    document.querySelector(`#${id}[data-fed], #${id} [data-fed]`)?.dispatchEvent(new CustomEvent('fed', { detail: value }));
  }
  if (!news.more) return;
  props.value = known;
  trigger('more', {});
}

watch('value', () => {
  known = props.value;
  plan();
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && known?.again) ask();
});
plan();
