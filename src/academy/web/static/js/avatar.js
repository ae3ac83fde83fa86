// Cuts the chosen picture to a small square before it is sent, and shows it, so that a photo of many megabytes is no
// matter. Without this script the server cuts it, and takes no more than it says.

const SIDE = 640;

/** Returns the middle of a picture as a canvas. Rejects what the browser cannot read as a picture. */
async function square(file) {
  const picture = await createImageBitmap(file);
  const side = Math.min(picture.width, picture.height);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.min(side, SIDE);
  const left = (picture.width - side) / 2;
  const top = (picture.height - side) / 2;
  canvas.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
  picture.close();
  return canvas;
}

/** Returns a canvas as a file: WebP, or PNG in browsers that cannot write WebP. */
async function asFile(canvas) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.9));
  return new File([blob], `avatar.${blob.type.split("/")[1]}`, { type: blob.type });
}

const form = document.querySelector("[data-avatar]");
const input = form.querySelector('input[type="file"]');

input.addEventListener("change", async () => {
  const [chosen] = input.files;
  if (!chosen) return;
  try {
    const canvas = await square(chosen);
    const files = new DataTransfer();
    files.items.add(await asFile(canvas));
    if (input.files[0] !== chosen) return; // another one was chosen meanwhile
    input.files = files.files;
    canvas.className = "avatar avatar-large";
    canvas.setAttribute("aria-hidden", "true");
    form.parentElement.querySelector(".avatar").replaceWith(canvas);
  } catch {
    // The server says what is wrong with it.
  }
});
