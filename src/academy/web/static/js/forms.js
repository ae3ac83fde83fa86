// Forms and menus of every page. Without this script they work all the same: a form is sent at once, a menu stays open
// until it is closed.

/** Asks once before a form with `data-confirm` is sent. Resolves to whether it may be. */
function confirmed(question, verb) {
  const dialog = document.createElement("dialog");
  dialog.className = "confirm";
  dialog.setAttribute("aria-labelledby", "confirm-question");
  const form = document.createElement("form");
  form.method = "dialog";
  const text = document.createElement("p");
  text.id = "confirm-question";
  text.textContent = question;
  const answers = document.createElement("div");
  answers.className = "row";
  for (const [value, label, style] of [
    ["no", "Cancel", "button"],
    ["yes", verb, "button button-danger"],
  ]) {
    const button = document.createElement("button");
    button.value = value;
    button.textContent = label;
    button.className = style;
    answers.append(button);
  }
  form.append(text, answers);
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** What the pressed button says, as the word for "yes". */
function verbOf(submitter) {
  return submitter?.getAttribute("aria-label") || submitter?.textContent.trim() || "Continue";
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const { submitter } = event;
  if (form.method === "dialog" || event.defaultPrevented) return;
  const question = submitter?.dataset.confirm ?? form.dataset.confirm;
  if (question && !form.dataset.agreed) {
    event.preventDefault();
    if (!(await confirmed(question, verbOf(submitter)))) return;
    form.dataset.agreed = "true";
    form.requestSubmit(submitter);
    return;
  }
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault(); // A second press of the button while the first is on its way.
    return;
  }
  form.dataset.sent = "true";
  submitter?.setAttribute("aria-busy", "true");
});

// A page that comes back from the browser's history must be usable again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent], form[data-agreed]")) {
    delete form.dataset.sent;
    delete form.dataset.agreed;
  }
  for (const button of document.querySelectorAll("form [aria-busy]")) button.removeAttribute("aria-busy");
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) menu.querySelector("summary").focus();
  }
});

document.addEventListener("focusout", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
});
