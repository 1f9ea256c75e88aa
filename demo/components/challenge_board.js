// Names are what visitors typed: all words are set as text, never as HTML.
const find = (name) => element.querySelector(name);
const [table, form] = [find('table'), find('form')];
const SECONDS_BETWEEN_LOOKS = 10;
let asking = 0;

const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};

function line(row, place) {
  const link = make('a', { href: `?tab=train&run=${encodeURIComponent(row.run)}` }, row.name);
  const off = row.mine ? make('button', { type: 'button' }, 'Take off') : '';
  if (row.mine) {
    off.setAttribute('aria-label', `Take ${row.name} off the board`);
    off.addEventListener('click', () => trigger('remove', { run: row.run }));
  }
  const name = make('th', { scope: 'row' }, link, make('small', {}, `${row.seconds}; ${row.settings}`));
  return make('tr', {}, make('td', {}, `${place + 1}`), name, make('td', {}, row.accuracy), make('td', {}, row.seconds),
    make('td', { className: 'cb-settings' }, row.settings), make('td', {}, off));
}

function draw() {
  const value = props.value;
  if (!value) return;
  const same = `The same data and the same time for all, ${value.budget}: who gets the most out of it?`;
  find('.cb-words').textContent = value.rows.length ? same : `${same} Nobody has entered a run yet.`;
  table.hidden = !value.rows.length;
  table.tBodies[0].replaceChildren(...value.rows.map(line));
  form.hidden = Boolean(value.why);
  const why = find('.cb-why');
  if (why.textContent !== value.why) why.textContent = value.why;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  trigger('enter', { name: form.querySelector('input').value });
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
