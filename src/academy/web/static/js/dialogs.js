// Forms that a button opens over the page. Without this script they are a part of the page, and the button is not there.

for (const button of document.querySelectorAll("button[data-dialog]")) {
  const dialog = document.getElementById(button.dataset.dialog);
  dialog.close();
  button.addEventListener("click", () => dialog.showModal());
  for (const closing of dialog.querySelectorAll("[data-close]")) closing.addEventListener("click", () => dialog.close());
  // What was typed needs another look.
  if (dialog.querySelector("[role='alert']")) dialog.showModal();
}
