const about = element.querySelector('.co-about');
const line = element.querySelector('.co-line');
const code = line.querySelector('code');
const button = line.querySelector('button');

function show() {
  const value = props.value ?? { about: '', command: '', problem: '' };
  about.textContent = value.problem || value.about;
  about.classList.toggle('co-problem', Boolean(value.problem));
  code.textContent = value.command;
  line.hidden = !value.command;
  button.textContent = 'Copy';
}

button.addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = 'Copied';
  } catch {
    // Not allowed on a page that came without encryption: then it is chosen, to be copied by hand.
    window.getSelection().selectAllChildren(code);
    button.textContent = 'Chosen';
  }
});

show();
watch('value', show);
