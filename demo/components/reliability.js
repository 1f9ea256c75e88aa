const box = element.querySelector('.rl');
const find = (name) => box.querySelector(`.rl-${name}`);
const details = box.querySelector('details');
const SIDE = 300;
const LEFT = 40;
const BOTTOM = 36;
const TOP = 8;

function svg(tag, attributes, text) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

const x = (said) => LEFT + (said / 100) * SIDE;
const y = (right) => TOP + (1 - right / 100) * SIDE;
const line = (dots) => dots.map(([said, right]) => `${x(said)},${y(right)}`).join(' ');

function take() {
  const value = props.value;
  box.hidden = !value;
  if (!value) return;
  find('words').textContent = value.words.replaceAll(' %', '\u00a0%');
  details.hidden = !value.rows.length;
  if (details.hidden) return;
  find('told').textContent = value.told;
  box.querySelector('tbody').replaceChildren(...value.rows.map(([range, ...cells]) => {
    const row = document.createElement('tr');
    const head = Object.assign(document.createElement('th'), { scope: 'row', textContent: range });
    row.append(head, ...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text.replaceAll(' %', '\u00a0%') })));
    return row;
  }));
  draw(value);
}

function draw(value) {
  const drawing = svg('svg', {
    viewBox: `0 0 ${LEFT + SIDE + 8} ${TOP + SIDE + BOTTOM}`, role: 'img',
    'aria-label': `Reliability diagram: the share that is right over what the model says; the table has its numbers. ${value.told}`,
  });
  for (const tick of [0, 25, 50, 75, 100]) {
    drawing.append(svg('line', { class: 'rl-grid', x1: x(tick), x2: x(tick), y1: y(0), y2: y(100) }));
    drawing.append(svg('line', { class: 'rl-grid', x1: x(0), x2: x(100), y1: y(tick), y2: y(tick) }));
    drawing.append(svg('text', { x: x(tick), y: y(0) + 14, 'text-anchor': tick === 100 ? 'end' : 'middle' }, `${tick}`));
    drawing.append(svg('text', { x: LEFT - 6, y: y(tick) + 4, 'text-anchor': 'end' }, `${tick}`));
  }
  drawing.append(svg('text', { x: x(50), y: y(0) + 31, 'text-anchor': 'middle' }, 'it says, %'));
  drawing.append(svg('text', { transform: `translate(11 ${y(50)}) rotate(-90)`, 'text-anchor': 'middle' }, 'right, %'));
  drawing.append(svg('line', { class: 'rl-even', x1: x(0), y1: y(0), x2: x(100), y2: y(100) }));
  drawing.append(svg('line', { class: 'rl-at', x1: x(value.at), x2: x(value.at), y1: y(0), y2: y(100) }));
  drawing.append(svg('polyline', { class: 'rl-before', points: line(value.before) }));
  for (const [said, right] of value.before) {
    drawing.append(svg('rect', { class: 'rl-before', x: x(said) - 4, y: y(right) - 4, width: 8, height: 8 }));
  }
  drawing.append(svg('polyline', { class: 'rl-after', points: line(value.after) }));
  for (const [said, right] of value.after) drawing.append(svg('circle', { class: 'rl-after', cx: x(said), cy: y(right), r: 4 }));
  find('chart').replaceChildren(drawing);
}

take();
watch('value', take);
