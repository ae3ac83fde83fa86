// Says whether a form is saved, warns before its page is left with changes, and saves with Ctrl+S or Cmd+S.
// `data-unsaved="changed"` marks a form that shows what was not saved.

function watch(form) {
  const state = form.querySelector("[data-save-state]");
  const contents = () => JSON.stringify([...new FormData(form)]);
  const before = form.dataset.unsaved === "changed" ? "" : contents();
  let sending = false;

  const changed = () => contents() !== before;

  function show() {
    const is = changed();
    state.textContent = is ? "Not saved yet" : "Everything is saved";
    state.classList.toggle("is-unsaved", is);
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", () => {
    sending = true;
    state.textContent = "Saving…";
  });
  window.addEventListener("pageshow", () => {
    sending = false;
    show();
  });
  window.addEventListener("beforeunload", (event) => {
    if (changed() && !sending) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  show();
}

document.querySelectorAll("form[data-unsaved]").forEach(watch);
