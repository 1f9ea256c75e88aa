// Titles are what visitors typed: all words are set as text, never as HTML.
const box = element.querySelector('.rt');
const find = (name) => box.querySelector(`.rt-${name}`);
const [head, body] = [box.querySelector('thead tr'), box.querySelector('tbody')];
const clock = (seconds) => {
  const whole = Math.round(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), String(whole % 60).padStart(2, '0')];
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
};
const percent = (fraction) => `${(100 * fraction).toFixed(1)} %`;
// Each column: its field, its heading, how a value is written, whether the largest come first, what a phone writes before it.
const columns = [
  ['name', 'Run', null, true, ''],
  ['recipe', 'Recipe', String, false, ''],
  ['budget', 'Limit', clock, true, 'limit '],
  ['seed', 'Seed', String, false, 'seed '],
  ['accuracy', 'Accuracy', percent, true, ''],
  ['seconds', 'Trained', clock, true, 'trained '],
  ['ended', 'Ended', String, false, ''],
];
let sorted = { by: 'name', down: true };
let ticked = new Set();
let shown = '';
let linked = window.dcAddress.linked('over');
let listed = null; // what came last
let alive = []; // the ticked runs that go on
let again = 0;
let removing = false; // by the button, which must not be at hand for the next run at once
const SECONDS_BETWEEN_OVERLAYS = 5;

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};
const rows = () => listed?.rows ?? [];
const open = () => rows().find((row) => row.name === shown);

const buttons = columns.map(([by, words, , down]) => {
  const button = make('button', { type: 'button' }, words, make('i', { ariaHidden: 'true' }));
  button.addEventListener('click', () => {
    sorted = { by, down: sorted.by === by ? !sorted.down : down };
    draw();
  });
  const cell = make('th', { scope: 'col', className: `rt-c-${by}` }, button);
  cell.setAttribute('role', 'columnheader');
  return cell;
});
const corner = make('th', { scope: 'col', className: 'rt-c-tick' }, make('span', { className: 'rt-hidden' }, 'Lay over each other'));
corner.setAttribute('role', 'columnheader');
head.append(corner, ...buttons);

// What is not known comes last, whichever way the others go; of equals, the newest first.
function compare(one, other) {
  const [a, b] = [one[sorted.by], other[sorted.by]];
  if ((a === null) !== (b === null)) return a === null ? 1 : -1;
  const order = typeof a === 'number' ? a - b : String(a).localeCompare(String(b));
  return (sorted.down ? -order : order) || (one.name < other.name ? 1 : -1);
}

function line(row) {
  const tick = make('input', { type: 'checkbox', checked: ticked.has(row.name) });
  tick.setAttribute('aria-label', `Lay ${row.title} over others`);
  tick.disabled = !tick.checked && ticked.size >= props.most;
  tick.dataset.tick = row.name;
  const button = make('button', { type: 'button' }, row.title);
  button.dataset.open = row.name;
  if (row.name === shown) button.setAttribute('aria-current', 'true');
  const note = make('small', {}, row.note);
  const resume = make('button', { type: 'button', className: 'rt-resume' }, row.resume);
  resume.setAttribute('aria-label', `${row.resume}: ${row.title}`);
  resume.dataset.resume = row.name;
  once(resume, () => trigger('resume', { name: row.name }));
  const cells = columns.slice(1).map(([by, , write, , before]) => {
    const known = row[by] !== null;
    const cell = make('td', { className: `rt-c-${by}` }, known && before ? make('span', { className: 'rt-before' }, before) : '',
      known ? write(row[by]) : '–');
    cell.classList.toggle('rt-unknown', !known);
    if (by === 'ended' && row.resume) cell.append(' ', resume);
    cell.setAttribute('role', 'cell');
    return cell;
  });
  const [first, name] = [make('td', { className: 'rt-c-tick' }, tick), make('th', { scope: 'row', className: 'rt-c-name' }, button, note)];
  first.setAttribute('role', 'cell');
  name.setAttribute('role', 'rowheader');
  const made = make('tr', {}, first, name, ...cells);
  made.setAttribute('role', 'row');
  return made;
}

function draw() {
  const all = rows();
  find('table').hidden = !all.length;
  find('none').hidden = Boolean(all.length) || !listed;
  buttons.forEach((cell, i) => {
    const mine = columns[i][0] === sorted.by;
    if (mine) cell.setAttribute('aria-sort', sorted.down ? 'descending' : 'ascending');
    else cell.removeAttribute('aria-sort');
    cell.querySelector('i').textContent = mine ? (sorted.down ? ' ▼' : ' ▲') : '';
  });
  const focused = document.activeElement?.dataset ?? {};
  const kept = body.contains(document.activeElement) ? { ...focused } : {};
  body.replaceChildren(...[...all].sort(compare).map(line));
  const again = [...body.querySelectorAll('button, input')].find((made) =>
    ['open', 'tick', 'resume'].some((what) => kept[what] && made.dataset[what] === kept[what]));
  const had = element.contains(document.activeElement) || kept.open || kept.tick || kept.resume;
  again?.focus();
  find('more').hidden = !listed?.more;
  find('more').textContent = listed?.more ?? '';
  act();
  tell();
  // What had the focus may be gone, as Delete and Undo are at times: then the run that is open has it.
  const { activeElement: now } = document;
  if (had && (!element.contains(now) || now.disabled || now.closest('[hidden]')
    || (removing && now === find('discard')))) {
    removing = false;
    (body.querySelector('button[aria-current]') ?? body.querySelector('button') ?? find('none')).focus();
  }
}

// What can be done with the run that is open.
function act() {
  const row = open();
  find('act').hidden = !row;
  if (!row) return;
  find('which').textContent = row.title;
  find('keep').setAttribute('aria-pressed', row.pinned);
  for (const name of ['name', 'keep', 'discard']) find(name).disabled = !row.mine;
  find('discard').disabled = !row.mine || row.alive;
  find('why').hidden = row.mine && !row.alive;
  find('why').textContent = row.mine ? 'It is still going on: it can be deleted once it has ended.'
    : 'Started by another visitor: only they, or the owner of this server, can rename, pin or delete it.';
}

function tell() {
  const newest = listed?.deleted.at(-1);
  find('told').hidden = !newest;
  const words = newest ? `${newest.title} was deleted.` : '';
  const place = find('told').querySelector('span');
  if (place.textContent !== words) place.textContent = words;
}

function overlay() {
  trigger('overlay', { names: [...ticked] });
  happened('laid', { names: [...ticked] });
  follow();
}

// The curves of runs that go on are drawn again now and then, and once more when one of them has ended.
function follow() {
  alive = rows().filter((row) => row.alive && ticked.has(row.name)).map((row) => row.name);
  clearTimeout(again);
  if (!alive.length) return;
  again = setTimeout(() => (document.hidden || !element.offsetParent ? follow() : overlay()), 1000 * SECONDS_BETWEEN_OVERLAYS);
}

function arrived(value) {
  listed = value || null; // empty text before there is any
  element.dataset.listed = listed?.mark ?? '';
  const names = new Set(rows().map((row) => row.name));
  if (listed) shown = listed.shown;
  const left = [...ticked].filter((name) => names.has(name));
  const fewer = left.length < ticked.size;
  const first = listed && linked;
  ticked = new Set(first ? linked.split(',').filter((name) => names.has(name)).slice(0, props.most) : left);
  if (listed) linked = '';
  if (!find('form').hidden && find('form').dataset.name !== shown) rename(false);
  draw();
  const before = alive;
  follow();
  if (first || fewer || before.some((name) => ticked.has(name) && !alive.includes(name))) overlay();
}

function rename(on) {
  const row = open();
  const had = find('form').contains(document.activeElement);
  find('form').hidden = !on;
  find('buttons').hidden = on;
  if (on && row) {
    find('form').dataset.name = row.name;
    const input = find('form').querySelector('input');
    input.value = row.title === row.name ? '' : row.title;
    input.placeholder = row.name;
    input.focus();
  } else if (had) find('name').focus();
}

body.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-open]');
  if (!button) return;
  shown = button.dataset.open;
  rename(false);
  draw();
  trigger('open', { name: shown });
});
body.addEventListener('change', (event) => {
  const { tick } = event.target.dataset;
  if (!tick) return;
  if (event.target.checked) ticked.add(tick);
  else ticked.delete(tick);
  draw();
  overlay();
});
find('name').addEventListener('click', () => rename(true));
find('cancel').addEventListener('click', () => rename(false));
find('form').addEventListener('keydown', (event) => event.key === 'Escape' && rename(false));
find('form').addEventListener('submit', (event) => {
  event.preventDefault();
  trigger('retitle', { name: find('form').dataset.name, title: find('form').querySelector('input').value });
  rename(false);
});
find('keep').addEventListener('click', () => trigger('keep', { name: shown, pinned: !open().pinned }));
find('take').addEventListener('click', () => trigger('take', { name: shown }));
find('discard').addEventListener('click', () => {
  removing = true;
  setTimeout(() => (removing = false), 5000); // or it was refused
  trigger('discard', { name: shown });
});
find('undo').addEventListener('click', () => trigger('restore', { name: listed.deleted.at(-1).name }));
arrived(props.value);
watch('value', () => arrived(props.value));
element.dataset.fed = '';
// Which run is open here is known better than when this was asked for.
element.addEventListener('fed', ({ detail }) => arrived({ ...detail, shown }));
