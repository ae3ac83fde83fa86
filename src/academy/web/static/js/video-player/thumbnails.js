// Small pictures along the time line: WebVTT whose cues name a picture and a part of it (`sprite.webp#xywh=0,0,160,90`).

export class Thumbnails {
  #track = null;
  #address;

  constructor(video, playback) {
    const address = playback.told.thumbnails_url;
    if (!address) return;
    this.#address = new URL(address, location.href);
    // The browser reads the format.
    const element = document.createElement("track");
    element.kind = "metadata";
    element.src = address;
    video.append(element);
    this.#track = element.track;
    this.#track.mode = "hidden";
  }

  /** Shows the picture of a second in an element, or hides it where there is none. */
  show(second, element) {
    const cue = [...(this.#track?.cues ?? [])].find(({ startTime, endTime }) => startTime <= second && second < endTime);
    const [, x, y, width, height] = cue?.text.match(/#xywh=(\d+),(\d+),(\d+),(\d+)/) ?? [];
    element.hidden = width === undefined;
    if (element.hidden) return;
    const picture = new URL(cue.text.trim().replace(/#.*/, ""), this.#address);
    // The signature of the list holds for its whole folder.
    if (!picture.search) picture.search = this.#address.search;
    element.style.inlineSize = `${width}px`;
    element.style.blockSize = `${height}px`;
    element.style.background = `url("${picture.href}") -${x}px -${y}px`;
  }
}
