// Titles are what visitors typed: they are only ever set as text.
const box = element.querySelector('.ql');
const part = (name) => element.querySelector(`.ql-${name}`);
let spoken = null;

function row(words, label, what, mine, event) {
  const item = document.createElement('li');
  if (mine) item.className = 'ql-mine';
  item.append(Object.assign(document.createElement('span'), { textContent: words }));
  if (label) {
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: label });
    button.setAttribute('aria-label', `${label}: ${words}`);
    button.dataset.key = `${event} ${Object.values(what)[0]}`;
    once(button, () => trigger(event, what));
    item.append(button);
  }
  return item;
}

function fill(list, rows) {
  // What has the focus keeps it when the words around it change; when it is gone, its neighbour has it.
  const buttons = () => [...list.querySelectorAll('button')];
  const place = buttons().indexOf(document.activeElement);
  const { key } = place < 0 ? {} : document.activeElement.dataset;
  list.replaceChildren(...rows);
  list.parentElement.hidden = !rows.length;
  if (place < 0) return;
  const now = buttons();
  (now.find((button) => button.dataset.key === key) ?? now[Math.min(place, now.length - 1)] ?? left()).focus();
}

// Where the focus goes when nothing is left of a list: its heading, or where one starts anew.
function left() {
  const headings = [...box.querySelectorAll('.ql-part:not([hidden]) h3')];
  return headings.at(-1) ?? element.closest('#dc-train')?.querySelector('#dc-start') ?? element;
}

function show() {
  const value = props.value ?? { going: [], waiting: [], note: '', resume: '' };
  part('note').textContent = value.note;
  part('note').hidden = !value.note;
  const had = document.activeElement === part('resume');
  part('resume').hidden = !value.resume;
  part('resume').textContent = value.resume;
  fill(part('going'), value.going.map((run) => row(run.words, 'Watch', { run: run.run }, false, 'watch')));
  fill(part('waiting'), value.waiting.map((place) => row(
    place.words, place.may_withdraw ? 'Withdraw' : '', { number: place.number }, place.mine, 'withdraw',
  )));
  // Spoken when a place changes, and not each time the expected start does.
  const places = value.waiting.map((place, k) => (place.mine ? k + 1 : 0)).filter(Boolean).join(' and ');
  if (spoken !== null && places !== spoken) part('spoken').textContent = places ? `You wait at place ${places}.` : 'You no longer wait.';
  spoken = places;
  if (had && !value.resume) left().focus();
  box.hidden = !value.note && !value.resume && !value.going.length && !value.waiting.length;
}

once(part('resume'), () => trigger('resume', {}));
show();
watch('value', show);
