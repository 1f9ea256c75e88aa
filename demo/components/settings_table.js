// Titles are what visitors typed: all words are set as text, never as HTML.
const make = (tag, options = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
};

function draw() {
  const value = props.value;
  const box = element.querySelector('.st');
  box.hidden = !value;
  if (!value) return;
  box.querySelector('p').textContent = value.sentence;
  box.querySelector('table').hidden = !value.rows.length;
  const head = make('tr', {}, make('td'), ...value.titles.map((title) => make('th', { scope: 'col' }, title)));
  const rows = value.rows.map(([name, values]) =>
    make('tr', {}, make('th', { scope: 'row' }, name), ...values.map((words, i) => {
      const cell = make('td', {}, words);
      cell.dataset.run = value.titles[i];
      return cell;
    })));
  box.querySelector('table').replaceChildren(make('thead', {}, head), make('tbody', {}, ...rows));
}

draw();
watch('value', draw);
