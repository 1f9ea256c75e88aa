// One listener for all buttons: it survives the template being drawn anew.
element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.dataset.index) {
    const index = Number(button.dataset.index);
    happened('example', { index });
    trigger('select', { index });
  }
  if (button?.dataset.group) {
    const chosen = Number(button.dataset.group);
    element.querySelectorAll('.es-groups button').forEach((other, i) => other.setAttribute('aria-pressed', i === chosen));
    element.querySelectorAll('.es-group').forEach((group, i) => { group.hidden = i !== chosen; });
  }
});
