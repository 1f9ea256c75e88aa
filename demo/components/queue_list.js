// Titles are what visitors typed: they are only ever set as text.
const box = element.querySelector('.ql');
const part = (name) => box.querySelector(`.ql-${name}`);
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
  // What has the focus keeps it when the words around it change.
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  list.replaceChildren(...rows);
  list.parentElement.hidden = !rows.length;
  if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function show() {
  const value = props.value ?? { going: [], waiting: [], note: '', resume: '' };
  part('note').textContent = value.note;
  part('note').hidden = !value.note;
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
  box.hidden = !value.note && !value.resume && !value.going.length && !value.waiting.length;
}

once(part('resume'), () => trigger('resume', {}));
show();
watch('value', show);
