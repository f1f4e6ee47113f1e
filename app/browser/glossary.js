// Terms of the glossary are links whose title is the explanation. The pointer, the keyboard's focus or a tap shows it beside the
// term; Escape hides it. While it is shown, the link has no title, which browsers would show as well, but is described by it.

(() => {
  if (window.cvaeExplains) return; // already installed by another page of the lab
  window.cvaeExplains = true;
  const TERM = 'a[href="#glossary"]', MARGIN = 8, DELAY = 150; // pixels; milliseconds to reach the explanation
  const box = Object.assign(document.createElement("div"), { id: "glossary", role: "tooltip", hidden: true });
  let term = null, leaving = 0;

  const hide = () => {
    clearTimeout(leaving);
    term?.removeAttribute("aria-describedby");
    if (term && !term.title) term.title = box.textContent;
    term = null;
    box.hidden = true;
  };
  const show = (link) => {
    clearTimeout(leaving);
    if (link === term && link.isConnected) return;
    hide();
    term = link;
    box.textContent = link.title;
    link.removeAttribute("title");
    link.setAttribute("aria-describedby", box.id);
    document.querySelector('[data-testid="stApp"]').append(box); // its colours are the theme's
    box.hidden = false;
    place();
  };
  const place = () => {
    if (!term) return;
    const lines = term.getClientRects(), at = lines[0], below = lines[lines.length - 1]?.bottom; // a term may be broken into two lines
    if (!at) return hide(); // the term has left the page
    const high = below + box.offsetHeight + MARGIN > innerHeight ? at.top - box.offsetHeight : below;
    box.style.left = `${Math.max(MARGIN, Math.min(at.left, innerWidth - box.offsetWidth - MARGIN))}px`;
    box.style.top = `${Math.max(MARGIN, high)}px`;
  };
  const over = ({ target }) => {
    const link = target.closest?.(TERM);
    if (link) show(link);
    else if (target === box) clearTimeout(leaving);
    else if (term && term !== document.activeElement) {
      clearTimeout(leaving);
      leaving = setTimeout(hide, DELAY);
    }
  };
  const tapped = (event) => {
    const link = event.target.closest?.(TERM);
    if (!link) return event.target === box || hide();
    event.preventDefault(); // the link leads nowhere
    event.stopPropagation();
    show(link);
  };
  const listen = (type, heard) => document.addEventListener(type, heard, { capture: true });
  listen("pointerover", over);
  listen("focusin", ({ target }) => (target.matches(TERM) ? show(target) : hide()));
  listen("focusout", ({ target }) => target === term && hide());
  listen("click", tapped);
  listen("scroll", ({ target }) => target !== box && place()); // focus scrolls to a term
  listen("keydown", (event) => {
    if (event.key !== "Escape" || !term) return;
    event.stopPropagation(); // it closes only the explanation
    hide();
  });
})();
