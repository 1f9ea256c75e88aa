const field = element.querySelector('input');
const words = element.querySelector('p');
const OWN = ' The picture that you brought cannot travel in it; it opens with an example.';
let quiet = 0;

function say(text, seconds) {
  clearTimeout(quiet);
  words.textContent = text;
  quiet = setTimeout(() => { words.textContent = ''; field.hidden = true; }, 1000 * seconds);
}

async function copy() {
  const own = window.dcAddress.own() ? OWN : '';
  const link = window.location.href;
  try {
    await navigator.clipboard.writeText(link); // missing, or refused, outside of HTTPS and localhost
    field.hidden = true;
    say(`Link copied.${own}`, own ? 12 : 5);
  } catch {
    field.hidden = false;
    field.value = link;
    field.focus();
    field.select();
    say(`The browser does not let this page copy. The link is selected: copy it by hand.${own}`, 60);
  }
}

element.querySelector('.pt-link').addEventListener('click', copy);
element.querySelector('.pt-lesson').addEventListener('click', () => happened('lesson'));
