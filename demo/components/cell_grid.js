// Drawn with textContent only: sentences may hold the name of a run.
const box = element.querySelector('.cl');
const [frame, table, tip] = ['.cl-frame', 'table', '.cl-tip'].map((name) => box.querySelector(name));
let spot = { row: 0, column: 0 }; // where the keyboard is
let chosen = '';
let rows = [];

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};

function draw() {
  const value = props.value;
  box.hidden = !value;
  tell(null);
  if (!value) return;
  const hadFocus = table.contains(document.activeElement);
  box.querySelector('.cl-words').replaceChildren(...value.words.map((text) => make('p', {}, text)));
  table.setAttribute('aria-label', value.label);
  table.replaceChildren();
  table.createTHead().append(
    make('tr', {}, make('th', { className: 'cl-axis' }, 'really is ↓'),
      make('th', { className: 'cl-axis', colSpan: props.names.length }, 'the model said →')),
    make('tr', {}, make('td'), ...props.short.map((name) => make('th', { scope: 'col' }, make('span', {}, name)))));
  const body = table.createTBody();
  rows = value.rows.map((row, i) => {
    const line = make('tr', {}, make('th', { scope: 'row' }, props.names[i]));
    const made = row.map((cell, j) => {
      const button = make('button', { type: 'button', className: `cl-${cell.tone}`, tabIndex: -1 }, cell.text);
      button.style.setProperty('--level', cell.level);
      button.setAttribute('aria-label', cell.words);
      Object.assign(button.dataset, { row: i, column: j });
      const holder = make('td', {}, button);
      holder.setAttribute('role', 'gridcell');
      line.append(holder);
      return button;
    });
    body.append(line);
    return made;
  });
  box.querySelector('.cl-legend').replaceChildren(...value.legend.map(([tone, words]) =>
    make('span', {}, ...(tone ? [make('i', { className: `cl-${tone}` })] : []), words)));
  mark();
  moveTo(spot.row, spot.column, hadFocus);
}

function mark() {
  for (const button of rows.flat()) {
    if (`${button.dataset.row} ${button.dataset.column}` === chosen) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
  }
}

// One stop of the Tab key for the whole grid; arrows move inside.
function moveTo(row, column, focus = true) {
  const last = rows.length - 1;
  spot = { row: Math.min(last, Math.max(0, row)), column: Math.min(last, Math.max(0, column)) };
  for (const button of rows.flat()) button.tabIndex = -1;
  const button = rows[spot.row][spot.column];
  button.tabIndex = 0;
  if (focus) button.focus();
}

function tell(button) {
  tip.hidden = !button;
  if (!button) return;
  tip.textContent = button.getAttribute('aria-label');
  const [area, at] = [frame.getBoundingClientRect(), button.getBoundingClientRect()];
  const left = at.left - area.left + at.width / 2 - tip.offsetWidth / 2;
  const above = at.top - area.top - tip.offsetHeight - 8;
  tip.style.left = `${Math.max(0, Math.min(left, area.width - tip.offsetWidth))}px`;
  tip.style.top = `${above < 0 ? at.bottom - area.top + 8 : above}px`;
}

table.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const [row, column] = [Number(button.dataset.row), Number(button.dataset.column)];
  moveTo(row, column);
  if (!props.opens) return tell(button); // a finger has nothing to hover with
  chosen = `${row} ${column}`;
  mark();
  trigger('select', { real: row, said: column });
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
draw();
watch('value', draw);
