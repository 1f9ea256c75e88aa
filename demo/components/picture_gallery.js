const box = element.querySelector('.pg');
const find = (name) => box.querySelector(`.pg-${name}`);
const grid = find('pictures');
const tip = find('tip');
const parts = {
  sort: find('sort'), wrong: find('wrong').querySelector('input'), doubtful: find('doubtful').querySelector('input'),
  details: box.querySelector('details'),
  limits: [...box.querySelectorAll('.pg-limits')],
};
let drawing = 0; // which drawing is the newest: an older sheet may be decoded later

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};
const buttons = () => [...grid.children];

function write(part, text) {
  part.textContent = text;
  part.hidden = !text;
}

// Sorting and filtering belong to what a link shows, beside the cell.
function tellAddress(value) {
  const address = new URL(window.location);
  const put = (key, text) => (text ? address.searchParams.set(key, text) : address.searchParams.delete(key));
  const range = (ends) => (ends[0] > 0 || ends[1] < 1 ? ends.map((end) => Math.round(100 * end)).join('-') : '');
  put('sort', value.sort === 'surest' ? '' : value.sort);
  put('wrong', value.wrong ? '1' : '');
  put('doubtful', value.doubtful ? '1' : '');
  put('sure', range(value.confidence));
  put('gate', range(value.gate));
  window.history.replaceState(window.history.state, '', address);
}

async function load() {
  const value = props.value;
  const turn = ++drawing;
  box.hidden = !value;
  if (!value) return;
  // Decoded first: the old pictures stay until the new ones can be drawn.
  const sheet = value.sheet ? Object.assign(new Image(), { src: value.sheet }) : null;
  if (sheet) await sheet.decode();
  if (turn !== drawing) return;
  const hadFocus = grid.contains(document.activeElement);
  tell(null);
  if (find('title').textContent !== value.title) find('title').textContent = value.title;
  write(find('more'), value.more);
  write(find('note'), value.note);
  write(find('together'), find('controls').hidden ? '' : value.together);
  showControls(value);
  if (!find('controls').hidden && element.offsetWidth) tellAddress(value);
  grid.replaceChildren(...value.pictures.map((picture, place) => draw(picture, sheet, place)));
  if (grid.firstChild) grid.firstChild.tabIndex = 0;
  if (hadFocus) (grid.firstChild || find('title')).focus?.();
  const pager = find('pager');
  pager.hidden = !value.range;
  pager.querySelector('span').textContent = value.range;
  find('back').disabled = value.first === 0;
  find('next').disabled = value.first + value.pictures.length >= value.here;
}

function draw(picture, sheet, place) {
  const canvas = make('canvas', { width: 32, height: 32 });
  canvas.getContext('2d').drawImage(sheet, 0, 32 * place, 32, 32, 0, 0, 32, 32);
  const made = make('button', { type: 'button', className: picture.right ? 'pg-right' : 'pg-false', tabIndex: -1 },
    canvas, make('span', {}, picture.said), make('span', { className: 'pg-sure' }, `${picture.right ? '✓' : '✗'} ${picture.sure}`));
  if (picture.mark) made.append(make('span', { className: 'pg-doubt' }, picture.mark));
  made.setAttribute('aria-label', picture.words);
  made.dataset.index = picture.index;
  made.picture = picture;
  return made;
}

function showControls(value) {
  parts.sort.value = value.sort;
  parts.wrong.checked = value.wrong;
  find('wrong').hidden = !value.wrong_is_open && !value.wrong;
  parts.doubtful.checked = value.doubtful;
  find('doubtful').hidden = !value.doubtful_is_open && !value.doubtful;
  for (const limits of parts.limits) {
    const inputs = [...limits.querySelectorAll('input')];
    value[limits.dataset.name].forEach((fraction, i) => {
      // A number that is being typed stays: an earlier question's answer may arrive meanwhile.
      if (!inputs[i].typed) inputs[i].value = Math.round(100 * fraction);
    });
  }
  find('filtered').hidden = !value.filtered;
  find('filtered').firstChild.textContent = value.filtered;
  if (value.filtered) parts.details.open = true;
}

function ask() {
  const query = { sort: parts.sort.value, wrong: parts.wrong.checked, doubtful: parts.doubtful.checked };
  for (const limits of parts.limits) {
    const read = [...limits.querySelectorAll('input')].map((input, i) => {
      input.typed = false;
      const percent = input.value === '' ? 100 * i : Number(input.value);
      return Math.min(100, Math.max(0, percent)) / 100;
    });
    query[limits.dataset.name] = read.sort((a, b) => a - b);
  }
  trigger('query', query);
}

function tell(made) {
  tip.hidden = !made;
  if (!made) return;
  const { title, doubt, told, gates } = made.picture;
  tip.replaceChildren(make('b', {}, title), make('span', { hidden: !doubt }, doubt),
    ...told.map(({ name, text, width }) => {
      const bar = make('i');
      bar.style.width = `${width}%`;
      return make('div', {}, make('span', {}, name), make('em', {}, bar), make('span', {}, text));
    }), make('small', {}, gates));
  const [area, at] = [box.getBoundingClientRect(), made.getBoundingClientRect()];
  const left = at.left - area.left + at.width / 2 - tip.offsetWidth / 2;
  tip.style.left = `${Math.max(0, Math.min(left, area.width - tip.offsetWidth))}px`;
  const above = at.top - area.top - tip.offsetHeight - 8;
  tip.style.top = `${at.top - tip.offsetHeight - 8 < 0 ? at.bottom - area.top + 8 : above}px`;
}

function columns() {
  const all = buttons();
  const below = all.findIndex((made) => made.offsetTop > all[0].offsetTop);
  return below < 0 ? all.length : below;
}

function keep(made) {
  for (const other of buttons()) other.tabIndex = -1;
  made.tabIndex = 0;
}

function moveTo(made) {
  keep(made);
  made.focus();
}

for (const limits of parts.limits) limits.addEventListener('input', (event) => { event.target.typed = true; });

grid.addEventListener('click', (event) => {
  const made = event.target.closest('button');
  if (!made) return;
  moveTo(made);
  tell(null);
  happened('picture', { index: made.picture.index, right: made.picture.right });
  trigger('select', { index: made.picture.index });
});

grid.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape') return tell(null);
  const all = buttons();
  const at = all.indexOf(document.activeElement);
  const places = {
    ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns(), ArrowDown: at + columns(), Home: 0, End: all.length - 1,
  };
  if (at < 0 || !(event.key in places)) return;
  event.preventDefault();
  if (all[places[event.key]]) moveTo(all[places[event.key]]);
});

grid.addEventListener('pointerover', (event) => event.pointerType === 'mouse' && tell(event.target.closest('button')));
grid.addEventListener('pointerleave', () => tell(null));
grid.addEventListener('focusin', (event) => {
  keep(event.target);
  tell(event.target.matches(':focus-visible') ? event.target : null);
});
grid.addEventListener('focusout', () => tell(null));
find('controls').addEventListener('change', ask);
find('clear').addEventListener('click', () => {
  parts.details.open = false;
  trigger('query', { sort: parts.sort.value, wrong: false, doubtful: false, confidence: [0, 1], gate: [0, 1] });
});
find('back').addEventListener('click', () => trigger('turn', { first: Math.max(0, props.value.first - props.page_size) }));
find('next').addEventListener('click', () => trigger('turn', { first: props.value.first + props.page_size }));

load();
watch('value', load);
