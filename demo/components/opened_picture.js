element.addEventListener('click', (event) => { if (event.target.closest('button')) trigger('back', {}); });
const tell = () => props.value && happened('opened', { index: props.value.index });
tell();
watch('value', tell);
