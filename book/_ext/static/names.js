// What the theme leaves out for those who listen or use the keyboard.

// some controls have a name without the words that they show, so that nobody can call them by these words

document.querySelectorAll(".search-button-field").forEach((button) => button.removeAttribute("aria-label"));
document.querySelectorAll(".theme-switch-button :is([title], title)").forEach((part) => {
  part.removeAttribute("title"); // the icon says Light, the button Color mode
  if (part.matches("title")) part.parentElement.removeAttribute("aria-labelledby"), part.remove();
});

// a table or a formula that is wider than the page scrolls, by the arrow keys too
function reach() {
  for (const box of document.querySelectorAll("div.cell_output, div.cell_output > .output, span.math")) {
    const formula = box.querySelector(":scope > mjx-container"); // it has words for listeners, which reach out of it
    const wide = (formula?.offsetWidth ?? box.scrollWidth) > box.clientWidth;
    box.toggleAttribute("data-wide", wide);
    if (wide) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
// also when its room changes, with the window or the contents that slide in, or its size, as letters arrive
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const sizes = new ResizeObserver(() => requestAnimationFrame(reach)); // changed at once, they would be told again
  for (const part of document.querySelectorAll("article, div.cell_output table")) sizes.observe(part);
  reach();
});
