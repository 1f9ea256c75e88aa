// The lesson is never in the way: its cards lie on top of the page, mark where something is done, and wait until it was.
const box = element.querySelector('.lc');
const find = (name) => box.querySelector(`.lc-${name}`);
const heading = box.querySelector('h2');
const KEY = 'diclam-lesson';
const linked = new URLSearchParams(window.location.search).get('lesson') === '1';
const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
const { cards } = props;
// `asked`: what was asked for and has not begun, with the run that was shown then; `starts` and `runs`: what has.
const fresh = () => ({ open: false, at: 0, done: [], asked: [], starts: [], runs: [], watched: false });
let state = { ...fresh(), ...remembered() };
let only = linked; // nothing is on the page but the lesson and what it points at
let looking = 0;
let [onScreen, before] = ['', '']; // the run that is shown, and was at the last click on Start
const first = {}; // of each run: how many points it had when it was first on the screen

function remembered() {
  try {
    const { open, at, watched, ...lists } = { asked: [], runs: [], ...JSON.parse(localStorage.getItem(KEY) || '{}') };
    const { done, asked, starts, runs } = lists;
    if (!(at in cards) || ![done, asked, starts, runs].every(Array.isArray)) return {};
    return { open: open === true, at, done, asked, starts, runs, watched: watched === true };
  } catch { return {}; } // private windows refuse the storage
}

function remember() {
  try { localStorage.setItem(KEY, JSON.stringify(state)); } catch { /* then it lasts as long as the page */ }
}

// Points that came while a run was on the screen; a run that was over before does not count.
function grown(run, points) {
  const count = Math.max(0, ...Object.values(points));
  first[run] ??= count;
  return run !== '' && count >= 2 && count > first[run];
}

const wrong = ({ real, said }) => real.length === 1 && said.length === 1 && real[0] !== said[0];
const doneBy = {
  watch: ({ learns }) => learns,
  bring: ({ did }) => did === 'brought',
  wrong: (event) => (event.did === 'cell' && wrong(event)) || (event.did === 'picture' && event.right === false),
  attention: ({ did }) => did === 'attention',
  fade: ({ did }) => did === 'fade',
  // A run that this visitor started with other settings learns; or curves of several runs lie over each other.
  compare: ({ learns, laid, run }) => laid || (learns && state.runs.includes(run)
    && (state.starts.length >= 2 || (state.starts.length === 1 && state.watched))),
};

// What was asked for has begun when a run of this visitor goes on that was not shown before. It may have waited for that.
const starting = {
  asked: ({ settings }) => state.asked.push({ settings, before }),
  run: ({ run, own }) => {
    const next = state.asked[0];
    onScreen = run;
    if (!own || !next || next.before === run || state.runs.includes(run)) return;
    state.asked.shift();
    state.runs.push(run);
    if (state.starts.includes(next.settings)) return;
    state.watched = state.done.includes('watch') && !state.starts.length; // somebody else's run
    state.starts.push(next.settings);
  },
};

document.addEventListener('click', ({ target }) => { if (target.closest('#dc-start')) before = onScreen; }, true);
document.addEventListener('diclam', ({ detail }) => {
  if (detail.did === 'lesson') return open();
  const { did, figure, run, points, curves } = detail;
  const learns = did === 'curve' && figure === 'dc-accuracy' && grown(run, points);
  const laid = did === 'curve' && figure === 'dc-over-accuracy' && curves >= 2;
  const finished = cards.filter(({ key }) => doneBy[key]({ ...detail, learns, laid }) && !state.done.includes(key));
  if (detail.did === 'run' && !state.open) onScreen = detail.run;
  if (!state.open) return; // `grown` has to know what was there before
  if (starting[detail.did]) {
    const known = JSON.stringify(state);
    starting[detail.did](detail);
    if (JSON.stringify(state) !== known) remember();
  }
  if (!finished.length) return;
  state.done.push(...finished.map(({ key }) => key));
  remember();
  draw();
});

function open() {
  state.open = true;
  go(state.at);
}

function leave() {
  state.open = false;
  only = false;
  const address = new URL(window.location);
  address.searchParams.delete('lesson');
  window.history.replaceState(window.history.state, '', address);
  remember();
  draw();
}

// `there`: the focus goes on to what the card shows.
function go(at, focus = true, there = false) {
  state.at = at;
  remember();
  draw();
  window.dcAddress.openTab(cards[at].tab);
  if (focus) heading.focus({ preventScroll: true });
  show(there);
}

const ABLE = 'button:not(:disabled), a[href], input:not(:disabled), [tabindex="0"]'; // to have the focus
// The last of the places that is on the screen: what is done next may be further on.
function place() {
  const found = cards[state.at].points.flatMap((selector) => [...document.querySelectorAll(selector)]);
  return found.filter((made) => made.offsetWidth).at(-1);
}

// A tab is drawn when it is opened, which may take a while.
function show(there, tries = 40) {
  const made = place();
  if (made && there) {
    const able = [made, ...made.querySelectorAll('*')].find((one) => one.offsetWidth && one.matches(ABLE));
    able?.focus({ preventScroll: true });
  }
  if (made) return made.scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' });
  if (tries && state.open) setTimeout(() => show(there, tries - 1), 100);
}

// The page goes on being drawn: parts come and are replaced, so this is seen to again and again while the lesson is open.
function mark() {
  const here = state.open ? place() : null;
  const marks = new Map(here ? [[here, 'here']] : []);
  if (only && state.open) for (const made of others()) marks.set(made, 'aside');
  for (const made of document.querySelectorAll('[data-lesson]:not(body)')) if (!marks.has(made)) delete made.dataset.lesson;
  for (const [made, kind] of marks) if (made.dataset.lesson !== kind) made.dataset.lesson = kind;
  if (only && state.open) document.body.dataset.lesson = 'only';
  else delete document.body.dataset.lesson;
}

// All that neither is nor holds nor is part of what the card shows.
function others() {
  const tabs = document.getElementById('dc-tabs');
  const shown = cards[state.at].shows.flatMap((selector) => [...document.querySelectorAll(selector)]);
  const holding = new Set();
  for (const made of shown) for (let up = made.parentElement; up && up !== tabs.parentElement; up = up.parentElement) holding.add(up);
  const inside = new Set(shown);
  return [...holding].filter((made) => !inside.has(made)).flatMap((made) => [...made.children])
    .filter((made) => !holding.has(made) && !inside.has(made));
}

function draw() {
  box.hidden = !state.open;
  clearInterval(looking);
  if (state.open) looking = setInterval(mark, 400);
  mark();
  if (!state.open) return;
  const card = cards[state.at];
  const done = state.done.includes(card.key);
  heading.textContent = card.title;
  find('words').textContent = card.words;
  const said = done ? `✓ Done. ${card.done}` : '';
  if (find('done').textContent !== said) find('done').textContent = said;
  [...find('steps').children].forEach((item, i) => {
    const button = item.firstChild;
    const ticked = state.done.includes(cards[i].key);
    button.textContent = ticked ? `✓ ${i + 1}` : `${i + 1}`;
    button.setAttribute('aria-label', `Card ${i + 1}: ${cards[i].title}${ticked ? ', done' : ''}`);
    if (i === state.at) button.setAttribute('aria-current', 'step');
    else button.removeAttribute('aria-current');
  });
  const last = state.at === cards.length - 1;
  find('back').hidden = state.at === 0;
  find('next').textContent = last ? 'Finish' : done ? 'Next' : 'Skip';
  find('next').classList.toggle('lc-main', done);
  find('again').hidden = !state.done.length;
}

find('steps').append(...cards.map((_, i) => {
  const item = document.createElement('li');
  const button = Object.assign(document.createElement('button'), { type: 'button' });
  button.addEventListener('click', () => go(i));
  item.append(button);
  return item;
}));
find('leave').addEventListener('click', leave);
find('show').addEventListener('click', () => go(state.at, false, true));
find('back').addEventListener('click', () => go(state.at - 1));
find('next').addEventListener('click', () => {
  if (state.at < cards.length - 1) return go(state.at + 1);
  state.at = 0;
  leave();
});
find('again').addEventListener('click', () => {
  state = { ...fresh(), open: true };
  go(0);
});

draw();
if (linked) {
  // A link to the lesson begins where this visitor was, once the page has opened its tab.
  state.open = true;
  const begin = () => {
    if (!window.dcAddress.isOpen() || !document.querySelector('#dc-tabs [role="tab"]')) return void setTimeout(begin, 100);
    setTimeout(() => go(state.at, false), 300);
  };
  begin();
}
