const box = element.firstElementChild;
const rows = box.querySelector('tbody');
const buttons = [...box.querySelectorAll('button')];
const KEY = 'diclam-bars';

// A browser may refuse to keep anything; then the choice lasts as long as the page.
let order = 'classes';
try { order = localStorage.getItem(KEY) === 'sorted' ? 'sorted' : 'classes'; } catch { /* as it is */ }

function make(tag, className, text = '') {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function row({ name, width, text, rank }) {
  const made = make('tr', rank === 0 ? 'ab-best' : '');
  const head = make('th', '', name);
  head.scope = 'row';
  const track = make('td', 'ab-track');
  track.setAttribute('aria-hidden', 'true');
  const bar = make('i', '');
  bar.style.width = `${width}%`;
  const ground = make('div', '');
  ground.append(bar);
  track.append(ground);
  made.append(head, track, make('td', 'ab-number', text));
  return made;
}

function load() {
  const value = props.value || [];
  box.hidden = !value.length;
  const sorted = order === 'sorted' ? [...value].sort((a, b) => a.rank - b.rank) : value;
  rows.replaceChildren(...sorted.map(row));
  for (const button of buttons) button.setAttribute('aria-pressed', button.value === order);
}

box.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  order = button.value;
  try { localStorage.setItem(KEY, order); } catch { /* see above */ }
  load();
});

load();
watch('value', load);
