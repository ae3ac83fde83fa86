// A button in each password field that shows what is typed. Without this script passwords stay hidden.

for (const input of document.querySelectorAll('input[type="password"]')) {
  const hadFocus = document.activeElement === input;
  const frame = document.createElement("div");
  frame.className = "reveal";
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-controls", input.id);
  input.replaceWith(frame);
  frame.append(input, button);
  if (hadFocus) input.focus();

  const show = (isShown) => {
    input.type = isShown ? "text" : "password";
    button.textContent = isShown ? "Hide" : "Show";
    button.setAttribute("aria-label", isShown ? "Hide the password" : "Show the password");
  };
  show(false);
  button.addEventListener("click", () => show(input.type === "password"));
  // Browsers offer to keep what stands in a password field, and must not keep it as a text that was typed.
  input.form?.addEventListener("submit", () => show(false));
}
