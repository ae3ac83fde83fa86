// How sharp it is, where there is a choice; remembered.

import { remember, remembered } from "./memory.js";
import { Menu } from "./menu.js";
import { setLabel } from "./wording.js";

const AUTO = 0;

export function setUpQuality(source) {
  const button = document.getElementById("quality");
  const menu = new Menu(button, document.getElementById("quality-menu"));
  let chosen = Number(remembered("quality")) || AUTO;

  function choose(quality) {
    chosen = quality;
    remember("quality", quality);
    source.choose(quality);
    showQuality();
  }

  function showQuality() {
    const { qualities, quality } = source;
    button.hidden = qualities.length < 2;
    // What was chosen for a sharper video shows the best of this one.
    const nearest = chosen && (qualities.find((one) => one <= chosen) ?? qualities.at(-1));
    button.textContent = nearest ? `${nearest}p` : "Auto";
    const auto = quality && !nearest ? `Auto (${quality}p)` : "Auto";
    setLabel(button, `Quality ${nearest ? `${nearest}p` : auto}`);
    const items = [{ value: AUTO, text: auto }, ...qualities.map((value) => ({ value, text: `${value}p` }))];
    menu.fill([{ label: "Quality", items, chosen: nearest, choose }]);
  }

  source.addEventListener("qualities", showQuality);
  source.addEventListener("quality", showQuality);
  source.choose(chosen);
}
