// Names are what visitors typed: all words are set as text, never as HTML.
const find = (name) => element.querySelector(name);
const [table, form] = [find('table'), find('form')];
const SECONDS_BETWEEN_LOOKS = 10;
let asking = 0;
let rows = [];
let said = ''; // what came of this visitor's last entry
let wanted = {}; // what they asked for: `name` was entered, or `run` was taken off

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};

function line(row, place) {
  const made = make('tr');
  made.dataset.run = row.run;
  const challenge = new URLSearchParams(window.location.search).get('challenge');
  const address = new URLSearchParams({ tab: 'train', run: row.run, ...(challenge ? { challenge } : {}) });
  const link = make('a', { href: `?${address}` }, row.name);
  const off = row.mine ? make('button', { type: 'button' }, 'Take off') : '';
  if (row.mine) {
    off.setAttribute('aria-label', `Take ${row.name} off the board`);
    once(off, () => {
      wanted = { run: row.run, title: row.name };
      trigger('remove', { run: row.run });
    });
  }
  const name = make('th', { scope: 'row' }, link, make('small', {}, `${row.seconds}; ${row.settings}`));
  made.append(make('td', {}, `${place + 1}`), name, make('td', {}, row.accuracy), make('td', {}, row.seconds),
    make('td', { className: 'cb-settings' }, row.settings), make('td', {}, off));
  return made;
}

// What has the focus keeps it; when it is gone, its neighbour has it, or the heading.
function fill(made) {
  const [list] = table.tBodies;
  const before = [...list.rows];
  const place = before.findIndex((row) => row.contains(document.activeElement));
  const [run, tag] = place < 0 ? [] : [before[place].dataset.run, document.activeElement.tagName];
  list.replaceChildren(...made);
  table.hidden = !made.length;
  if (place < 0) return;
  const row = made.find((one) => one.dataset.run === run) ?? made[Math.min(place, made.length - 1)];
  (row?.querySelector(tag) ?? row?.querySelector('a') ?? find('h2')).focus();
}

// Whether what this visitor asked for is done: then it is said, and the field is free for another name.
function heard(now) {
  const place = now.findIndex((row) => row.mine && !rows.some((one) => one.run === row.run && one.name === row.name));
  if (wanted.name && place >= 0) {
    said = `Entered as ${now[place].name}, at place ${place + 1}.`;
    form.querySelector('input').value = '';
    wanted = {};
  } else if (wanted.run && !now.some((row) => row.run === wanted.run)) {
    said = `${wanted.title} was taken off.`;
    wanted = {};
  }
  rows = now;
}

function draw() {
  const value = props.value;
  if (!value) return;
  const same = `The same data and the same time for all, ${value.budget}: who gets the most out of it?`;
  find('.cb-words').textContent = value.rows.length ? same : `${same} Nobody has entered a run yet.`;
  heard(value.rows);
  fill(value.rows.map(line));
  form.hidden = Boolean(value.why);
  const why = find('.cb-why');
  const words = [said, value.why].filter(Boolean).join(' ');
  if (why.textContent !== words) why.textContent = words;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  wanted = { name: form.querySelector('input').value };
  const asked = wanted;
  setTimeout(() => wanted === asked && (wanted = {}), 5000); // or it was refused
  trigger('enter', { name: wanted.name });
});

// Others enter runs, too: asked for again while the board is on the screen.
new IntersectionObserver(([{ isIntersecting }]) => {
  clearInterval(asking);
  if (!isIntersecting) return;
  const look = () => document.visibilityState === 'visible' && trigger('look', {});
  look();
  asking = setInterval(look, 1000 * SECONDS_BETWEEN_LOOKS);
}).observe(element);

draw();
watch('value', draw);
