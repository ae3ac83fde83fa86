// A menu of choices over a button, after the ARIA Authoring Practices' menu button with `menuitemradio`.

export class Menu {
  #button;
  #panel;

  constructor(button, panel) {
    this.#button = button;
    this.#panel = panel;
    button.popoverTargetElement = panel;
    button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      event.preventDefault();
      panel.showPopover();
    });
    panel.addEventListener("beforetoggle", (event) => event.newState === "open" && this.#place());
    panel.addEventListener("toggle", (event) => {
      const isOpen = event.newState === "open";
      button.setAttribute("aria-expanded", String(isOpen));
      if (isOpen) (panel.querySelector('[aria-checked="true"]') ?? this.#items[0])?.focus();
    });
    panel.addEventListener("keydown", (event) => this.#move(event));
    // It stands where the button stood.
    window.addEventListener("scroll", () => panel.hidePopover(), { passive: true });
    window.addEventListener("resize", () => panel.hidePopover());
  }

  /** `groups` are {label, items: [{value, text, lang}], chosen, choose}; `choose` is called with a value. */
  fill(groups) {
    this.#panel.replaceChildren(...groups.map((group) => this.#group(group)));
  }

  get #items() {
    return [...this.#panel.querySelectorAll('[role="menuitemradio"]')];
  }

  #group({ label, items, chosen, choose }) {
    const group = document.createElement("div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", label);
    const title = document.createElement("p");
    title.textContent = label;
    title.setAttribute("aria-hidden", "true");
    group.append(title);
    for (const { value, text, lang } of items) {
      const item = document.createElement("button");
      item.type = "button";
      item.tabIndex = -1;
      item.textContent = text;
      if (lang) item.lang = lang;
      item.setAttribute("role", "menuitemradio");
      item.setAttribute("aria-checked", String(value === chosen));
      item.addEventListener("click", () => {
        choose(value);
        this.#close();
      });
      group.append(item);
    }
    return group;
  }

  #close() {
    this.#panel.hidePopover();
    this.#button.focus({ preventScroll: true });
  }

  #place() {
    const at = this.#button.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const { style } = this.#panel;
    style.setProperty("--end", `${Math.max(8, clientWidth - at.right)}px`);
    style.setProperty("--bottom", `${clientHeight - at.top + 8}px`);
    style.setProperty("--room", `${at.top - 16}px`);
  }

  #move(event) {
    const items = this.#items;
    const here = items.indexOf(document.activeElement);
    const target = {
      ArrowDown: (here + 1) % items.length,
      ArrowUp: (here - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    if (event.key === "Tab") {
      this.#close(); // The browser goes on from the button.
    } else if (target !== undefined) {
      event.preventDefault();
      items[target].focus();
    }
  }
}
