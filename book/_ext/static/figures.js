// A figure enlarges on a click, a tap, or with its button. Without a script it is as wide as its column.

const MORE = 1.25; // of the width for which a figure is drawn: never less, and as much as the window holds

function enlargeable(figure) {
  const box = figure.querySelector(".picture");
  const picture = box.querySelector("img");
  const number = figure.querySelector(".caption-number")?.textContent.trim() ?? "this picture";
  const button = Object.assign(document.createElement("button"), { className: "enlarge", type: "button" });
  button.setAttribute("aria-label", `Enlarge ${number}`);
  button.textContent = "⤢";
  button.addEventListener("click", () => enlarge(figure, number));
  picture.addEventListener("click", () => enlarge(figure, number));
  picture.classList.add("enlargeable");
  (figure.querySelector("figcaption") ?? figure).prepend(button);
}

function enlarge(figure, number) {
  const dialog = Object.assign(document.createElement("dialog"), { className: "enlarged" });
  dialog.setAttribute("aria-label", number);
  const close = Object.assign(document.createElement("button"), { className: "close", type: "button" });
  close.setAttribute("aria-label", "Close");
  close.textContent = "×";
  const box = document.createElement("div"); // scrolls where the window is smaller than the picture
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", `${number}, enlarged`);
  const { width, height } = size(figure);
  box.style.setProperty("--width", `max(${MORE * width}px, min(96vw, ${(96 * width) / height}vh))`);
  box.append(figure.querySelector(".picture img").cloneNode());
  const caption = figure.querySelector("figcaption")?.cloneNode(true);
  caption?.querySelector(".enlarge").remove();
  caption?.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"));
  dialog.append(close, box, ...(caption ? [caption] : []));
  document.body.append(dialog);
  // Esc closes a dialog, and the focus goes back to where it was: the browser does both
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", ({ target }) => {
    if (target !== caption && !caption?.contains(target)) dialog.close();
  });
  dialog.showModal();
}

function size(figure) {
  const style = getComputedStyle(figure.querySelector(".picture"));
  return { width: +style.getPropertyValue("--width"), height: +style.getPropertyValue("--height") };
}

document.querySelectorAll(".bd-content figure:has(> .picture > img)").forEach(enlargeable);
