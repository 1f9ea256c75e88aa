// All words come from a run's files: they are only ever set as text.
const part = (name) => element.querySelector(`.rs-${name}`);
let current = null;
let arrived = 0;
let ticking = 0;

const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };

// 75 -> '1:15'
function clock(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

function show(value) {
  arrived = performance.now();
  current = value ?? { sentence: '', progress: null, numbers: [], warning: '', note: '' };
  say(part('sentence'), current.sentence);
  say(part('warning'), current.warning);
  say(part('note'), current.note);
  const rows = current.numbers.map(([name, number]) => {
    const row = document.createElement('div');
    row.append(Object.assign(document.createElement('dt'), { textContent: name }));
    row.append(Object.assign(document.createElement('dd'), { textContent: number }));
    return row;
  });
  part('numbers').replaceChildren(...rows);
  progress();
  clearTimeout(ticking);
  if (current.progress?.budget) tick(2250); // The next value mostly comes before, and to draw twice costs a run that trains.
}

function tick(wait) {
  ticking = setTimeout(() => { progress(); tick(1000); }, wait);
}

// Between two values the clock runs on: so many seconds have passed since the last one came.
function progress() {
  const now = current.progress;
  part('progress').hidden = !now;
  if (!now) return;
  let { fraction, text } = now;
  if (now.budget) {
    const elapsed = Math.min(now.elapsed + (performance.now() - arrived) / 1000, now.budget);
    fraction = elapsed / now.budget;
    text = `${now.phase ?? ''}${clock(now.budget - elapsed)} left of ${clock(now.budget)}`;
  }
  const bar = part('bar');
  bar.classList.toggle('rs-unknown', fraction === null);
  bar.firstElementChild.style.width = fraction === null ? '' : `${100 * fraction}%`;
  if (fraction === null) bar.removeAttribute('aria-valuenow');
  else bar.setAttribute('aria-valuenow', Math.round(100 * fraction));
  bar.setAttribute('aria-valuetext', text);
  say(part('text'), text);
}

show(props.value);
watch('value', () => show(props.value));
element.dataset.fed = '';
element.addEventListener('fed', ({ detail }) => show(detail));
