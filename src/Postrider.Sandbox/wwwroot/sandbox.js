// Comfort only: every page works without this file.

// A search box with data-filter="id" narrows the rows of that element while one types; the form still searches on the server.
for (const box of document.querySelectorAll('input[data-filter]')) {
  const list = document.getElementById(box.dataset.filter);
  if (!list) continue;
  const groups = [...list.querySelectorAll('details[data-group]')];
  const openAtFirst = groups.map(group => group.open);
  box.addEventListener('input', () => {
    const wanted = box.value.trim().toLowerCase();
    for (const row of list.querySelectorAll('[data-row]')) row.hidden = wanted !== '' && !row.dataset.row.toLowerCase().includes(wanted);
    groups.forEach((group, n) => {
      group.hidden = !group.querySelector('[data-row]:not([hidden])');
      group.open = wanted !== '' || openAtFirst[n];
    });
  });
}

// A button with data-copy="id" puts the text of that element on the clipboard.
for (const button of document.querySelectorAll('button[data-copy]')) {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    if (!source) return;
    await navigator.clipboard.writeText(source.textContent.trim());
    button.classList.add('copied');
    button.setAttribute('aria-label', 'Copied');
  });
}

// A select with data-reveals="id" shows that element only while its value is "custom".
for (const select of document.querySelectorAll('select[data-reveals]')) {
  const target = document.getElementById(select.dataset.reveals);
  const show = () => { if (target) target.hidden = select.value !== 'custom'; };
  select.addEventListener('change', show);
  show();
}

// An open menu closes when one clicks elsewhere or presses Escape.
const menus = document.querySelectorAll('details.menu');
document.addEventListener('click', event => {
  for (const menu of menus) if (menu.open && !menu.contains(event.target)) menu.open = false;
});
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') for (const menu of menus) menu.open = false;
});

// On a narrow screen the sidebar is a row that scrolls: begin with the current page in sight.
for (const current of document.querySelectorAll('.side [aria-current=page]')) {
  const side = current.closest('.side');
  if (side.scrollWidth > side.clientWidth) side.scrollLeft = current.offsetLeft - (side.clientWidth - current.offsetWidth) / 2;
}
