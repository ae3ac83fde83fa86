// How fast it plays; remembered.

import { remember, remembered } from "./memory.js";
import { Menu } from "./menu.js";
import { setLabel } from "./wording.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

/** Returns what changes the speed by steps. */
export function setUpSpeed(video, say) {
  const button = document.getElementById("speed");
  const menu = new Menu(button, document.getElementById("speed-menu"));

  function setSpeed(rate) {
    video.defaultPlaybackRate = rate; // Outlasts a change of the video's address.
    video.playbackRate = rate;
  }

  function showSpeed() {
    const rate = video.playbackRate;
    button.textContent = `${rate}×`;
    setLabel(button, `Speed ${rate}×`, "< >");
    const items = SPEEDS.map((value) => ({ value, text: value === 1 ? "1× (normal)" : `${value}×` }));
    menu.fill([{ label: "Speed", items, chosen: rate, choose: setSpeed }]);
  }

  const usual = Number(remembered("speed"));
  if (SPEEDS.includes(usual)) setSpeed(usual);
  showSpeed();
  // Browsers change it by menus of their own, too.
  video.addEventListener("ratechange", () => {
    showSpeed();
    remember("speed", video.playbackRate);
  });

  return (steps) => {
    const index = SPEEDS.indexOf(video.playbackRate) + steps;
    if (!(index in SPEEDS)) return;
    setSpeed(SPEEDS[index]);
    say(`Speed ${SPEEDS[index]}×`);
  };
}
