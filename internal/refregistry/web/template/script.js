'use strict';
// The page works without this script. It copies addresses: a button for it is hidden until a script can serve it.

// Outside https and localhost a browser has no clipboard API.
function copySelection(text) {
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  return copied ? Promise.resolve() : Promise.reject();
}

for (const button of document.querySelectorAll('button[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', () => {
    const text = button.dataset.copy;
    (navigator.clipboard ? navigator.clipboard.writeText(text) : copySelection(text)).then(
      () => { button.textContent = 'copied'; },
      () => { button.textContent = 'failed'; },
    );
    button.focus();
    setTimeout(() => { button.textContent = 'copy'; }, 2000);
  });
}

for (const field of document.querySelectorAll('input[readonly]')) {
  field.addEventListener('focus', () => field.select());
}
