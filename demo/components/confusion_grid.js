// Everything is here, so another view, another order or another cell is drawn at once, without asking the server.
const box = element.querySelector('.cg');
const frame = box.querySelector('.cg-frame');
const table = box.querySelector('table');
const tip = box.querySelector('.cg-tip');
const KEY = 'diclam-confusion';
const NORMS = { counts: 'none', real: 'row', said: 'column', gate: 'gate' }; // what the address calls each view
const settings = { view: 'counts', order: 'listed', errors: false, groups: false, ...remembered(), ...linked() };
let chosen = null; // {real, said}: lists of class numbers
let clicked = null; // the same, of the visitor's last click
let spot = { row: 0, column: 0 }; // where the keyboard is; -1 is a header
let rows = []; // rows[i][j]: the buttons as they stand, headers included
const link = named(); // before anything is drawn, which changes the address

function remembered() {
  try {
    const { view, order, errors, groups } = JSON.parse(localStorage.getItem(KEY) || '{}');
    return JSON.parse(JSON.stringify({ view, order, errors, groups })); // without what is undefined
  } catch { return {}; } // private windows refuse the storage
}

function linked() {
  const norm = new URLSearchParams(window.location.search).get('norm');
  const view = Object.keys(NORMS).find((key) => NORMS[key] === norm);
  return view ? { view } : {};
}

// Whose answers, and the cell, that the address names; what it leaves out is any class.
function named() {
  const address = new URLSearchParams(window.location.search);
  const expert = ['1', '2'].includes(address.get('expert')) ? address.get('expert') : 'both';
  if (!['true', 'pred', 'sort', 'wrong', 'doubtful', 'sure', 'gate'].some((name) => address.has(name))) return { expert };
  const members = (name) => props.members[name === null ? 'any' : name] || null;
  const [real, said] = [members(address.get('true')), members(address.get('pred'))];
  if (!real || !said) return { expert };
  const range = (name) => {
    const ends = (/^(\d{1,3})-(\d{1,3})$/.exec(address.get(name)) || [0, 0, 100]).slice(1).map((end) => end / 100);
    return ends[0] <= ends[1] && ends[1] <= 1 ? ends : [0, 1];
  };
  return {
    expert, real, said, sort: props.sorts.includes(address.get('sort')) ? address.get('sort') : 'surest',
    wrong: address.get('wrong') === '1', doubtful: address.get('doubtful') === '1', confidence: range('sure'),
    gate: range('gate'),
  };
}

function tellAddress() {
  const address = new URL(window.location);
  const name = (members) => Object.keys(props.members).find((key) => same(props.members[key], members));
  const put = (key, value) => (value ? address.searchParams.set(key, value) : address.searchParams.delete(key));
  if (chosen) {
    const any = (members) => same(members, props.members.any);
    // Without either, a link opens on the most frequent mistake.
    put('true', any(chosen.real) && !any(chosen.said) ? '' : name(chosen.real));
    put('pred', any(chosen.said) ? '' : name(chosen.said));
  }
  put('norm', settings.view === 'counts' ? '' : NORMS[settings.view]);
  window.history.replaceState(window.history.state, '', address);
}

function remember() {
  try { localStorage.setItem(KEY, JSON.stringify(settings)); } catch { /* then it lasts as long as the page */ }
}

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};
const same = (one, other) => one.length === other.length && one.every((k, i) => k === other[i]);

function order() {
  const listed = props.value.orders.listed;
  if (settings.order in props.value.orders) return props.value.orders[settings.order];
  const first = Number(settings.order);
  return listed.includes(first) ? [first, ...listed.filter((k) => k !== first)] : listed;
}

function draw() {
  box.hidden = !props.value;
  if (!props.value) return;
  const hadFocus = table.contains(document.activeElement);
  const shown = settings.groups ? props.value.groups : props.value.classes;
  const view = shown.views[settings.view] || shown.views.counts;
  const places = settings.groups ? shown.names.map((_, k) => k) : order();
  const everything = props.value.orders.listed;
  table.replaceChildren();
  rows = [];
  box.classList.toggle('cg-few', settings.groups);

  table.createTHead().append(make('tr', {},
    make('th', { className: 'cg-axis' }, 'really is ↓'),
    make('th', { className: 'cg-axis', colSpan: places.length }, 'the model said →')));
  const top = make('tr');
  top.append(cell('th', button('all', shown.all_words, '', everything, everything, 'cg-all')));
  for (const j of places) {
    const head = cell('th', button(shown.short[j], shown.column_words[j], '', everything, shown.members[j], 'cg-head'));
    head.scope = 'col';
    top.append(head);
  }
  table.tHead.append(top);
  const body = table.createTBody();
  for (const i of places) {
    const row = make('tr');
    const head = cell('th', button(shown.names[i], shown.row_words[i], '', shown.members[i], everything, 'cg-head'));
    head.scope = 'row';
    row.append(head);
    for (const j of places) {
      const words = (settings.view === 'said' ? shown.said_words : shown.words)[i][j];
      const tone = view.tones ? view.tones[i][j] : i === j ? 'cg-right' : 'cg-wrong';
      const kind = shown.counts[i][j] === 0 ? 'cg-none' : tone;
      const made = button(view.text[i][j], words, view.more[i][j], shown.members[i], shown.members[j], `cg-cell ${kind}`);
      made.style.setProperty('--level', view.level[i][j]);
      made.style.setProperty('--bar', view.bar[i][j]);
      if (settings.errors && i === j) { made.classList.add('cg-left-out'); made.firstChild.textContent = ''; }
      row.append(cell('td', made));
    }
    body.append(row);
  }
  rows = [...table.rows].slice(1).map((row) => [...row.querySelectorAll('button')]);
  legend(view);
  mark();
  moveTo(spot.row, spot.column, hadFocus);
}

function cell(tag, child) {
  const made = make(tag, {}, child);
  if (tag === 'td') made.setAttribute('role', 'gridcell');
  return made;
}

function button(text, words, more, real, said, className) {
  const made = make('button', { type: 'button', className, tabIndex: -1 }, make('span', {}, text));
  made.setAttribute('aria-label', words);
  Object.assign(made, { words, more, real, said });
  return made;
}

function legend(view) {
  const unit = settings.view === 'counts' ? '' : ' %';
  const scale = (kind, words) => make('span', { className: `cg-scale ${kind}` }, make('i'), words);
  const scales = view.legend || [
    ...(settings.errors ? [] : [['cg-right', `✓ right: up to ${view.most[0]}${unit}`]]),
    ['cg-wrong', `✗ wrong: up to ${view.most[1]}${unit}`],
  ];
  box.querySelector('.cg-legend').replaceChildren(
    ...scales.map(([kind, words]) => scale(kind, words)),
    make('span', { className: 'cg-scale cg-none' }, make('i'), 'never'),
    make('span', {}, 'Every number and every name opens its pictures.'));
}

function mark() {
  for (const made of rows.flat()) {
    const on = chosen && same(made.real, chosen.real) && same(made.said, chosen.said);
    if (on) made.setAttribute('aria-current', 'true');
    else made.removeAttribute('aria-current');
  }
}

// One stop of the Tab key for the whole grid; arrows move inside. Row 0 and column 0 are the headers.
function moveTo(row, column, focus = true) {
  const last = rows.length - 1;
  spot = { row: Math.min(last, Math.max(0, row)), column: Math.min(last, Math.max(0, column)) };
  for (const made of rows.flat()) made.tabIndex = -1;
  const made = rows[spot.row][spot.column];
  made.tabIndex = 0;
  if (focus) made.focus();
}

function place(made) {
  const row = rows.findIndex((line) => line.includes(made));
  return row < 0 ? null : { row, column: rows[row].indexOf(made) };
}

function tell(made) {
  tip.hidden = !made;
  if (!made) return;
  tip.firstChild.textContent = made.words;
  tip.lastChild.textContent = made.more;
  const [area, at] = [frame.getBoundingClientRect(), made.getBoundingClientRect()];
  const left = at.left - area.left + at.width / 2 - tip.offsetWidth / 2;
  const above = at.top - area.top - tip.offsetHeight - 8;
  tip.style.left = `${Math.max(0, Math.min(left, area.width - tip.offsetWidth))}px`;
  tip.style.top = `${above < 0 ? at.bottom - area.top + 8 : above}px`;
}

table.addEventListener('click', (event) => {
  const made = event.target.closest('button');
  if (!made) return;
  chosen = clicked = { real: made.real, said: made.said };
  const { row, column } = place(made);
  mark();
  moveTo(row, column);
  tellAddress();
  happened('cell', chosen);
  trigger('select', chosen);
});

table.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') tell(null);
  const next = stepped(event, spot, rows.length, rows.length);
  if (!next) return;
  event.preventDefault();
  moveTo(next.row, next.column);
});

table.addEventListener('pointerover', (event) => event.pointerType === 'mouse' && tell(event.target.closest('button')));
table.addEventListener('pointerleave', () => tell(null));
table.addEventListener('focusin', (event) => tell(event.target.matches(':focus-visible') ? event.target : null));
table.addEventListener('focusout', () => tell(null));

const controls = {
  order: box.querySelector('.cg-order'), errors: box.querySelector('.cg-errors'), groups: box.querySelector('.cg-groups'),
};

function showSettings() {
  for (const radio of box.querySelectorAll('.cg-views input')) radio.checked = radio.value === settings.view;
  controls.order.value = settings.order;
  controls.errors.checked = settings.errors;
  controls.groups.checked = settings.groups;
  controls.order.disabled = settings.groups;
}

box.querySelector('.cg-controls').addEventListener('change', (event) => {
  if (event.target.name === 'cg-view') settings.view = event.target.value;
  settings.order = controls.order.value;
  settings.errors = controls.errors.checked;
  settings.groups = controls.groups.checked;
  remember();
  tellAddress();
  showSettings();
  draw();
});

function save(name, blob) {
  const href = URL.createObjectURL(blob);
  make('a', { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

const read = (made) => made.textContent.replace(/\u00ad/g, '');

function saveTable() {
  const lines = rows.map((row, i) => row.map((made, j) => (i + j === 0 ? 'really / said' : read(made))).join(','));
  save(`diclam-confusion-${settings.view}.csv`, new Blob([`${lines.join('\n')}\n`], { type: 'text/csv' }));
}

// Drawn from the page itself, so colours, order and numbers are those on the screen; twice as fine.
function savePicture() {
  const area = table.getBoundingClientRect();
  const canvas = make('canvas', { width: 2 * Math.ceil(area.width), height: 2 * Math.ceil(area.height) });
  const pen = canvas.getContext('2d');
  pen.scale(2, 2);
  const colours = getComputedStyle(element);
  pen.fillStyle = colours.getPropertyValue('--body-background-fill');
  pen.fillRect(0, 0, area.width, area.height);
  pen.textBaseline = 'middle';
  for (const made of table.querySelectorAll('.cg-axis, .cg-head, .cg-cell')) {
    const [at, style] = [made.getBoundingClientRect(), getComputedStyle(made)];
    const [x, y] = [at.left - area.left, at.top - area.top];
    const side = made.matches('.cg-axis') ? 'left' : made.closest('tbody') && made.matches('.cg-head') ? 'right' : 'center';
    pen.fillStyle = style.backgroundColor;
    pen.fillRect(x, y, at.width, at.height);
    pen.fillStyle = style.color;
    pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    pen.textAlign = side;
    if (made.matches('.cg-none')) {
      pen.strokeStyle = colours.getPropertyValue('--border-color-primary');
      pen.strokeRect(x + 0.5, y + 0.5, at.width - 1, at.height - 1);
    }
    const wide = pen.measureText(read(made)).width > at.width;
    const lines = wide ? made.textContent.replace('\u00ad', '-\n').split('\n') : [read(made)];
    pen.save();
    pen.translate({ left: x, center: x + at.width / 2, right: x + at.width - parseFloat(style.paddingRight) }[side], y + at.height / 2);
    if (getComputedStyle(made.firstElementChild || made).writingMode !== 'horizontal-tb') {
      pen.rotate(-Math.PI / 2);
      lines.splice(0, lines.length, read(made));
    }
    lines.forEach((line, i) => pen.fillText(line, 0, 14 * (i - (lines.length - 1) / 2)));
    pen.restore();
  }
  canvas.toBlob((blob) => save(`diclam-confusion-${settings.view}.png`, blob));
}

box.querySelector('.cg-saving').addEventListener('click', (event) => {
  const { kind } = event.target.dataset;
  if (kind) ({ png: savePicture, csv: saveTable })[kind]();
});

function load() {
  if (props.value) chosen = props.value.chosen;
  if (props.value && clicked && !(same(chosen.real, clicked.real) && same(chosen.said, clicked.said))) {
    // This was on its way when the cell was clicked, and took the pictures of the cell before with it.
    chosen = clicked;
    trigger('select', chosen);
  }
  draw();
  if (props.value && element.offsetWidth) tellAddress();
  const made = rows.flat().find((other) => other.hasAttribute('aria-current'));
  if (made && !table.contains(document.activeElement)) {
    const { row, column } = place(made);
    moveTo(row, column, false);
  }
}

showSettings();
load();
watch('value', load);
// Asked for when the tab is opened, and again each time it is: a run may have ended in between.
let visible = false;
let asked = false;
new ResizeObserver(() => {
  const before = visible;
  visible = element.offsetWidth > 0;
  if (!visible || before) return;
  trigger('open', asked ? {} : link);
  asked = true;
}).observe(element);
// The browser's Back and Forward buttons lead to another address, which may name another cell.
window.addEventListener('popstate', () => {
  clicked = null;
  if (asked && new URLSearchParams(window.location.search).get('tab') === 'confusion') trigger('open', named());
});
