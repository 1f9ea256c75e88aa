// One listener for all buttons: it survives the template being drawn anew.
let chosen = '';
const name = (button) => `${button.dataset.first} ${button.dataset.second}`;

function mark() {
  for (const button of element.querySelectorAll('button')) button.setAttribute('aria-pressed', name(button) === chosen);
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-first]');
  if (!button) return;
  chosen = name(button);
  mark();
  trigger('select', { first: Number(button.dataset.first), second: Number(button.dataset.second) });
});
mark();
watch('value', mark);
